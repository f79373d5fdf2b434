"""Checks on two plans. The fact is ``comparison``
(:class:`~dbtune.postgres.plan_diff.compare.Comparison`): what is worse than before.
"""
