"""postgresql.conf from the facts that decide it: machine, workload, version, and the server itself.

``inputs`` says what is known and who said so, ``rules`` hold one small function per setting,
``measured`` what a server has counted, ``plan`` puts them together, ``budget`` adds up the memory,
``forms`` write the files and ``report`` tells people. Only ``running`` and ``measure`` read
a server.
"""
