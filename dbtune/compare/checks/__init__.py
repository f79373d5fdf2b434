"""What is worse after than before, of any engine: one check a file."""
