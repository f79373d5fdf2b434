"""Checks of a Redis server's health: one file each, on facts of ``dbtune/redis/facts``."""
