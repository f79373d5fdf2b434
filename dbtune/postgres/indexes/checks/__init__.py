"""Checks of indexes: one file each, on suggestions and on what there is.

Facts: ``suggestions`` (the adviser's), ``relations``, ``covered`` (indexes that others make
superfluous) and ``usage`` (scans, if they are counted for long enough).
"""
