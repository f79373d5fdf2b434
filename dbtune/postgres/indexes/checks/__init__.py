"""Checks of indexes: one file each, on suggestions and on what there is."""
