"""Pool settings of applications: a file for each framework, in its own syntax."""
