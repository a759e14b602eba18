-- Images of each class in a release, by split.   sql -f class_counts --var release=demo
SELECT
  i.synset_id,
  s.name,
  count(*)                          AS n_images,
  count_if(i.split = 'train')       AS n_train,
  count_if(i.split = 'val')         AS n_val,
  count_if(i.split = 'test')        AS n_test,
  round(avg(i.confidence), 4)       AS mean_confidence
FROM release_images AS i
JOIN release_synsets AS s ON s.release = i.release AND s.synset_id = i.synset_id
WHERE i.release = :release
GROUP BY i.synset_id, s.name
ORDER BY n_images DESC, i.synset_id
