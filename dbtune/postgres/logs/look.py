"""What is in a file at first sight."""

from __future__ import annotations

from collections.abc import Collection

from dbtune.errors import UsageError
from dbtune.logs.files import head_of, is_packed, is_whole
from dbtune.postgres.logs.detect import HEAD_BYTES, Detected, detect
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.stream import Wanted
from dbtune.text import plain


def look(name: str, wanted: Wanted) -> Detected:
    """The format of a file.

    Raises:
        UsageError: it can't be read, or is no log.
    """
    head = head_of(name, HEAD_BYTES)
    try:
        return detect(head, name, wanted.format, wanted.prefix)
    except UsageError:
        if len(head) < HEAD_BYTES and is_packed(name) and not is_whole(name):
            raise UsageError(f"{plain(name)}: the archive is damaged near its beginning") from None
        raise


def look_if_log(
    name: str, wanted: Wanted, named: Collection[str], digest: Digest
) -> Detected | None:
    """As :func:`look`; of what a pattern or a folder has found, what is no log is passed over.

    Args:
        name: the file.
        wanted: what a person says of its format.
        named: files that a person has named.
        digest: notes what is passed over.
    """
    try:
        return look(name, wanted)
    except UsageError as error:
        if name in named:
            raise
        digest.seen.damage(f"passed over: {error}")
        return None
