"""What can be read from a Redis server: a function under ``@fact("name")`` in a file here."""
