-- Which queries are worth their searches: results, share new to the synset, rejected, and surviving the votes.
-- sql -f query_controls --format csv
WITH ranked AS (
  SELECT synset_id, query, url, source,
         row_number() OVER (PARTITION BY synset_id, url ORDER BY found_at, query) AS turn
  FROM search_results
),
judged AS (
  SELECT r.synset_id, r.query, r.turn,
         c.image_id IS NOT NULL AND c.reject_reason IS NULL AND coalesce(p.is_kept, true) AS is_kept,
         l.label
  FROM ranked AS r
  LEFT JOIN candidates AS c ON c.source_ref = r.url AND c.synset_id = r.synset_id AND c.source = r.source
  LEFT JOIN pool AS p ON p.image_id = c.image_id AND p.synset_id = c.synset_id
  LEFT JOIN labels AS l ON l.image_id = c.image_id AND l.synset_id = c.synset_id AND NOT l.is_gold
)
SELECT
  synset_id,
  query,
  count(*)                                               AS n_results,
  round(count_if(turn = 1) / count(*), 4)                AS share_new,
  round(count_if(NOT is_kept) / count(*), 4)             AS share_rejected,
  round(try_divide(count_if(label = 'yes'), count(label)), 4) AS share_surviving_votes
FROM judged
GROUP BY synset_id, query
ORDER BY synset_id, n_results DESC, query
