"""The parts of a PgBouncer configuration; ``pgbouncer_ini.generate`` puts them together.

``pooler``: what a pool plan doesn't tell; ``settings``: each line and its reason; ``files``: text.
"""
