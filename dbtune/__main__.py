"""``python -m dbtune`` is the console script."""

from dbtune.cli import main

main()
