"""Checks of a server's health: one file each, on facts of ``dbtune/postgres/facts``."""
