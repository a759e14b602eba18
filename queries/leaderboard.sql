-- Models by release, best first.   sql -f leaderboard --var release=imagenetv2
SELECT
  rank() OVER (PARTITION BY split ORDER BY top1 DESC) AS place,
  model, split, n_images, round(top1, 4) AS top1, round(top5, 4) AS top5,
  round(hierarchical_top1, 4) AS hierarchical_top1
FROM evaluations
WHERE release = :release
ORDER BY split, place, model
