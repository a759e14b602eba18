-- Every image that was not kept, counted by reason.   sql -f rejections
SELECT
  coalesce(reject_reason, 'kept')                               AS outcome,
  count(*)                                                      AS n_images,
  round(100 * count(*) / sum(count(*)) OVER (), 2)              AS percent
FROM pool
GROUP BY reject_reason
ORDER BY n_images DESC, outcome
