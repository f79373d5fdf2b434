"""What can be read from a MongoDB server: a function under ``@fact("name")`` in a file here."""
