-- What deduplication did to each class.   sql -f duplicates_by_class
SELECT
  p.synset_id,
  s.name,
  count(*)                                                              AS n_images,
  sum(p.n_sources) - count(*)                                           AS n_exact_copies,
  count_if(p.reject_reason IN ('near_duplicate', 'pixel_duplicate'))    AS n_duplicates,
  count_if(p.is_restored)                                               AS n_restored,
  count_if(p.is_kept)                                                   AS n_kept,
  round(avg(p.distance_bits), 1)                                        AS mean_distance_bits
FROM pool AS p
LEFT JOIN (SELECT DISTINCT synset_id, name FROM synsets) AS s ON s.synset_id = p.synset_id
GROUP BY p.synset_id, s.name
ORDER BY n_duplicates DESC, p.synset_id
