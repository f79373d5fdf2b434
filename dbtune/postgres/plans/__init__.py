"""PostgreSQL plans: reading them in any format and frame, and what each node took itself.

:func:`dbtune.postgres.plans.read.read_plans` makes :class:`~dbtune.postgres.plans.model.Plan`
objects of a text, a file or a log; :mod:`~dbtune.postgres.plans.exclusive` explains the numbers.
"""
