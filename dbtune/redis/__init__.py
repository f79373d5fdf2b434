"""Redis and Valkey."""

CLIENT_NAME = "dbtune"
"""The connection's name on the server, so that dbtune can leave its own commands out."""
