"""``dbtune check``: which checks run, which findings are known already, and what comes of it."""
