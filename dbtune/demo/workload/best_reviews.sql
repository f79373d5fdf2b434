-- sort-spill: all reviews are sorted with their texts, which does not fit into work_mem.
SELECT stars, product_id, body FROM (
    SELECT *, row_number() OVER (PARTITION BY stars ORDER BY id DESC) AS place FROM reviews
) AS ranked WHERE place <= 3;
