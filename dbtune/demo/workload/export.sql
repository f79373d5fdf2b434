-- unbounded-select: the whole catalogue, each time.
SELECT * FROM products;
