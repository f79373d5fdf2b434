"""Which settings of a server are left as they are."""

from __future__ import annotations

import pytest

from dbtune.server_settings import Setting


@pytest.mark.parametrize(
    ("current", "good"), [("10000", True), ("500", True), ("20000", False), ("0", False),
                          ("-1", False), ("", False)]
)  # fmt: skip
def test_whoever_watches_more_closely_goes_on_doing_so(current: str, good: bool) -> None:
    slow = Setting("slowlog-log-slower-than", "10000", "why", "how", "10000", at_most=True)
    assert slow.good(current) is good
