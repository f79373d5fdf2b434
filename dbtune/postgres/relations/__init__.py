"""What the catalog and the statistics say of a database's tables, columns and indexes."""
