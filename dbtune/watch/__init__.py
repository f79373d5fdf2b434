"""``dbtune watch``: snapshots at regular times, kept in a store, and what became worse."""
