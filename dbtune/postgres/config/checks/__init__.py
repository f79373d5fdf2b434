"""Checks of a configuration: one file each."""
