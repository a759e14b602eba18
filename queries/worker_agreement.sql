-- How each worker agrees with the crowd and with gold, the worst first.   sql -f worker_agreement
SELECT
  worker_id,
  n_votes,
  round(agreement, 4)       AS agreement,
  n_gold,
  round(gold_accuracy, 4)   AS gold_accuracy
FROM workers
ORDER BY coalesce(gold_accuracy, agreement), agreement, worker_id
