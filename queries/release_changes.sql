-- What changed from one release to another.   sql -f release_changes --var from=v1 --var to=v2
WITH
  old AS (SELECT image_id, synset_id, split FROM release_images WHERE release = :from),
  new AS (SELECT image_id, synset_id, split FROM release_images WHERE release = :to),
  changes AS (
    SELECT
      coalesce(new.synset_id, old.synset_id) AS synset_id,
      CASE
        WHEN old.image_id IS NULL THEN 'added'
        WHEN new.image_id IS NULL THEN 'removed'
        WHEN old.split <> new.split THEN 'moved'
        ELSE 'same'
      END AS change
    FROM old
    FULL OUTER JOIN new ON old.image_id = new.image_id AND old.synset_id = new.synset_id
  )
SELECT
  synset_id,
  count_if(change = 'added')      AS n_added,
  count_if(change = 'removed')    AS n_removed,
  count_if(change = 'moved')      AS n_moved_split,
  count_if(change = 'same')       AS n_same
FROM changes
GROUP BY synset_id
HAVING n_added + n_removed + n_moved_split > 0
ORDER BY synset_id
