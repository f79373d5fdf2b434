"""Measurements that load a PostgreSQL server on purpose: ``dbtune bench``."""
