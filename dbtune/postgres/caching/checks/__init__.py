"""Checks on what is worth keeping.

The facts are ``to_cache`` and ``to_materialise``, lists of what
:mod:`dbtune.postgres.caching.facts` has, what saves most first.
"""
