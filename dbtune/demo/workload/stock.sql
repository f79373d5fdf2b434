-- stale-statistics: the planner expects a row of the last 20 days and gets 28,800.
SELECT p.category_id, sum(m.change) AS change
FROM stock_movements AS m JOIN products AS p ON p.id = m.product_id
WHERE m.moved_at >= now() - interval '20 days'
GROUP BY p.category_id;
