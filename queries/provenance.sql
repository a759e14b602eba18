-- Where each image of a release comes from.   sql -f provenance --var release=demo --format csv
SELECT
  i.image_id,
  i.synset_id,
  c.source,
  c.source_ref,
  r.query,
  r.search_engine,
  r.licence,
  r.author,
  r.landing_url,
  c.retrieved_at
FROM release_images AS i
JOIN candidates AS c ON c.image_id = i.image_id AND c.synset_id = i.synset_id AND c.reject_reason IS NULL
LEFT JOIN search_results AS r ON r.url = c.source_ref AND r.synset_id = c.synset_id AND r.source = c.source
WHERE i.release = :release
ORDER BY i.synset_id, i.image_id, c.source, c.source_ref, r.query
