-- Subscriptions before PostgreSQL 14, where only superusers may read pg_subscription: the view tells
-- of all databases, and not whether one is disabled. Least privilege: none.
SELECT w.subname::text AS name, w.pid IS NOT NULL AS enabled, w.pid IS NOT NULL AS running
FROM pg_catalog.pg_stat_subscription w
WHERE w.relid IS NULL
ORDER BY 1
