"""mongod's and mongos' structured log (since 4.4): slow operations, connections, what happened.

:mod:`~dbtune.mongo.logs.entries` reads entries, :mod:`~dbtune.mongo.logs.count` adds them to a
:class:`~dbtune.mongo.logs.digest.Digest`, :mod:`~dbtune.mongo.logs.report` lays that out.
"""
