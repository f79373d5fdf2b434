"""Storage parameters and statistics settings of single tables, from what happens to them.

``model``: what is known and what is advised; ``rules``: one small file for each setting;
``report``: the table, the ALTER TABLE script and its undo.
"""
