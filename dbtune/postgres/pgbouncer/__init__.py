"""The parts of a PgBouncer configuration; ``pgbouncer_ini.generate`` puts them together.

``pooler``: what a pool plan doesn't tell; ``entries``: sizes of all databases, and their sum on
each server; ``settings`` and ``databases``: each line and its reason; ``files``: text;
``services``: what runs it; ``measured``: which databases of a server are used, and how much.
"""
