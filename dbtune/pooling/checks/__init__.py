"""One file per check on a pool plan; the file is the registration."""
