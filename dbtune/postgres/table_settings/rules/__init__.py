"""One file for each setting; its function ``advise`` is the registration."""
