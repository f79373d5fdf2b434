"""What can be read from a PostgreSQL server: a fact a name, the reader of each in its own place.

A new fact is a file here: a function under ``@fact("name")`` that takes a session and returns a
frozen dataclass. Checks name it as a parameter, and snapshots hold it.
"""
