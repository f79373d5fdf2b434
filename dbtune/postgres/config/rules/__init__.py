"""One module per group of settings; its docstring's first line is the heading in the file."""
