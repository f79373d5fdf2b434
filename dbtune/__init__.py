"""dbtune: a command-line DBA toolkit that proves its advice."""

__version__ = "0.1.0"
