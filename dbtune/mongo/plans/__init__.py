"""MongoDB's explain output: read in whatever form it was pasted, and taken apart."""
