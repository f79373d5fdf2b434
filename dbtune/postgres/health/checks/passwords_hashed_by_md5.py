"""New passwords are stored as MD5."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.passwords-hashed-by-md5", level=Level.warning, tags=("settings", "security"))
def passwords_hashed_by_md5(settings: Settings) -> Iterator[Finding]:
    """New passwords are stored as MD5.

    Why: MD5 hashes of passwords are easily broken, and are as good as the password itself.

    Mistaken when: Some client is too old for SCRAM.

    Remedy: scram-sha-256, then set each password anew.
    """
    if settings.get("password_encryption") == "md5":
        yield Finding(
            "password_encryption",
            "password_encryption is md5",
            Remedy(
                "Use SCRAM, and set the passwords anew.",
                sql="ALTER SYSTEM SET password_encryption = 'scram-sha-256';\nSELECT "
                "pg_reload_conf();",
                effect="",
            ),
            {"password_encryption": "md5"},
        )
