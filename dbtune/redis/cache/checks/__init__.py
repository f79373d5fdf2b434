"""Checks on a cache.

The facts are ``info`` (:class:`~dbtune.redis.facts.info.Info`), ``keys``
(:class:`~dbtune.redis.memory.facts.Keyspace`), ``families``, ``hot_keys`` (lists of
:class:`~dbtune.redis.cache.facts.Family` and ``HotKey``) and ``growth``
(:class:`~dbtune.redis.cache.growth.Growth`).
"""
