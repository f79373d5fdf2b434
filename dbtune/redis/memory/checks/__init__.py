"""Checks on keys and memory.

The facts are ``keys`` (:class:`~dbtune.redis.memory.facts.Keyspace`) ``info``, INFO's fields,
and ``encodings`` (a list of :class:`~dbtune.redis.memory.encodings.Encoded`).
"""
