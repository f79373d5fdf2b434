"""A private PostgreSQL 18 that lives as long as the process that started it: for demo and lab."""
