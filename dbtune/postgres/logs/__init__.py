"""Server logs of any size and kind: read in blocks, in constant memory.

:mod:`~dbtune.logs.blocks` undoes compression, :mod:`~dbtune.postgres.logs.scan` finds the
lines that are asked for and passes over the rest.
"""
