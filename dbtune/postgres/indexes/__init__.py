"""Which indexes a workload should have, and which of those that exist it can do without."""
