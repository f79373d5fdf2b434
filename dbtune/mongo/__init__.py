"""MongoDB."""

APP_NAME = "dbtune"
"""The name that every operation of dbtune carries, so that it can leave itself out."""
