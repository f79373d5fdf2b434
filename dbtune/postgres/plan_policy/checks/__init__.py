"""Checks of a policy. Facts: ``plan``, ``policy``, ``comparison`` (with the baseline's plan),
``time_ms``, ``cost``, ``blocks``, ``today``. Only what the policy makes binding is run.
"""
