"""The server keeps to what an older version can do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.settings import Settings
from dbtune.mongo.facts.status import Status

_CONFIRMED = (7, 0)
"""From this version on the command asks for a confirmation."""


@check("mongo.features-behind-version", level=Level.info, tags=("versions",))
def features_behind_version(status: Status, settings: Settings) -> Iterator[Finding]:
    """The server keeps to what an older version can do.

    Why: The feature compatibility version was left behind by an upgrade: what is new stays off, and
        the next upgrade does not start.

    Mistaken when: The upgrade is young, and the way back is kept open.

    Remedy: setFeatureCompatibilityVersion, when the upgrade has stood for some days.
    """
    told = settings.values.get("setParameter.featureCompatibilityVersion", "")
    found = re.search(r'"version": "(\d+)\.(\d+)"', told)
    runs = re.match(r"(\d+)\.(\d+)", status.version)
    if found is None or runs is None:
        return
    features, version = (tuple(map(int, one.groups())) for one in (found, runs))
    if features >= version:
        return
    name, old = (".".join(map(str, one)) for one in (version, features))
    confirm = ", confirm: true" if version >= _CONFIRMED else ""
    yield Finding(
        "featureCompatibilityVersion",
        f"featureCompatibilityVersion is {old}, and the server is {status.version}",
        Remedy(
            "Raise it, when nothing speaks for going back to the version before.",
            sql=f'db.adminCommand({{setFeatureCompatibilityVersion: "{name}"{confirm}}})',
            effect="at once and on all members; an older version then can't read the files",
        ),
        {"feature_compatibility_version": old, "version": status.version},
    )
