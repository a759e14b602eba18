-- Images kept of each selected synset, for a second selection:   sql -f counts_by_synset --format csv > counts.csv
-- then select-synsets --counts-file counts.csv --n-min 500: synsets that turned out too poor make way for others.
SELECT
  s.synset_id,
  count(p.image_id)                 AS n_images
FROM synsets AS s
LEFT JOIN pool AS p ON p.synset_id = s.synset_id AND p.is_kept
WHERE s.is_selected
GROUP BY s.synset_id
ORDER BY n_images DESC, s.synset_id
