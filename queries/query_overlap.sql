-- What the searches of each synset brought: queries, results, distinct URLs, and how much the queries overlap.
-- sql -f query_overlap --format csv
WITH per_url AS (
  SELECT synset_id, url, count(DISTINCT query) AS n_queries_with_it, count(*) AS n_results
  FROM search_results
  GROUP BY synset_id, url
),
per_synset AS (
  SELECT synset_id, count(DISTINCT query) AS n_queries
  FROM search_results
  GROUP BY synset_id
)
SELECT
  u.synset_id,
  s.n_queries,
  sum(u.n_results)                                        AS n_results,
  count(*)                                                AS n_distinct_images,
  count_if(u.n_queries_with_it > 1)                       AS n_found_by_several,
  round(count_if(u.n_queries_with_it > 1) / count(*), 4)  AS overlap
FROM per_url AS u
JOIN per_synset AS s ON s.synset_id = u.synset_id
GROUP BY u.synset_id, s.n_queries
ORDER BY n_distinct_images DESC, u.synset_id
