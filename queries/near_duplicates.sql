-- The near-duplicates of one image among all that have a fingerprint, the nearest first.
-- sql -f near_duplicates --var image=0a1b2c --var tau=8     (the first digits of an image_id are enough)
SELECT
  q.image_id                            AS of_image,
  f.image_id,
  hamming(f.phash, q.phash)             AS distance_bits,
  f.width_px,
  f.height_px
FROM fingerprints AS q
JOIN fingerprints AS f ON f.image_id <> q.image_id
WHERE q.image_id LIKE :image || '%' AND hamming(f.phash, q.phash) < CAST(:tau AS INT)
ORDER BY q.image_id, distance_bits, f.image_id
