"""Checks on keys and memory.

The facts are ``keys`` (:class:`~dbtune.redis.memory.facts.Keyspace`) and ``info``, INFO's fields.
"""
