"""Logs of any engine: files, pipes and archives of any size, read in blocks and in parts.

What a log says is its engine's business: :mod:`dbtune.postgres.logs`, :mod:`dbtune.mongo.logs`.
"""
