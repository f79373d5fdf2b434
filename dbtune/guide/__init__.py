"""``dbtune report``: one document on the servers of an application, filled with measured numbers.

What the other commands find out is gathered (:mod:`.live`, :mod:`.saved`) and laid out as sections
of blocks (:mod:`.build`), which the renderers for HTML and Markdown write. Nothing is
analysed here.
"""
