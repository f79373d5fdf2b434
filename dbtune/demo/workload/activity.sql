-- slow-planning: now() is known too late to leave partitions out of the plan.
\set customer random(1, 20000)
SELECT kind, count(*) AS events
FROM events WHERE customer_id = :customer AND occurred_at >= now() - interval '1 day'
GROUP BY kind;
