"""postgresql.conf from the facts that decide it: machine, workload, version, and the server itself.

``inputs`` says what is known and who said so, ``rules`` hold one small function per setting,
``plan`` puts them together, ``budget`` adds up the memory, ``forms`` write the files and ``report``
tells people. Nothing here opens a connection but ``running.read_running``.
"""
