"""Checks of a MongoDB server's health: one file each, on facts of ``dbtune/mongo/facts``."""
