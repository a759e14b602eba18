-- Pairs of synsets that share images: a labelling conflict, or two names of one thing.   sql -f synset_conflicts
-- The same image in both, and near-duplicates where deduplicate-images compared all images (--scope global).
WITH met AS (
  SELECT image_id AS image_id_l, image_id AS image_id_r, 0 AS distance_bits FROM pool
  UNION
  SELECT image_id_l, image_id_r, distance_bits FROM duplicate_pairs
),
shared AS (
  SELECT
    least(l.synset_id, r.synset_id)    AS synset_l,
    greatest(l.synset_id, r.synset_id) AS synset_r,
    m.image_id_l,
    m.image_id_r,
    m.distance_bits
  FROM met AS m
  JOIN pool AS l ON l.image_id = m.image_id_l
  JOIN pool AS r ON r.image_id = m.image_id_r
  WHERE l.synset_id <> r.synset_id
),
once AS (SELECT DISTINCT * FROM shared)
SELECT
  o.synset_l,
  a.name                                            AS name_l,
  o.synset_r,
  b.name                                            AS name_r,
  count(*)                                          AS n_pairs,
  count_if(o.image_id_l = o.image_id_r)             AS n_same_file,
  round(avg(o.distance_bits), 1)                    AS mean_distance_bits
FROM once AS o
LEFT JOIN (SELECT DISTINCT synset_id, name FROM synsets) AS a ON a.synset_id = o.synset_l
LEFT JOIN (SELECT DISTINCT synset_id, name FROM synsets) AS b ON b.synset_id = o.synset_r
GROUP BY o.synset_l, a.name, o.synset_r, b.name
ORDER BY n_pairs DESC, o.synset_l, o.synset_r
