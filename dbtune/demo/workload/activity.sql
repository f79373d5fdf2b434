-- slow-planning: 184 partitions are planned for, because the day is not given.
\set customer random(1, 20000)
SELECT kind, count(*) AS events
FROM events WHERE customer_id = :customer GROUP BY kind;
