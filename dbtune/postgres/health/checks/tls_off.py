"""The server listens beyond this machine without TLS."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check("pg.tls-off", level=Level.info, tags=("settings", "security"))
def tls_off(settings: Settings) -> Iterator[Finding]:
    """The server listens beyond this machine without TLS.

    Why: Passwords' exchanges and data cross the network for everybody to read.

    Mistaken when: The network is encrypted itself (VPN, mesh), or a proxy ends TLS.

    Remedy: ssl = on with a certificate; hostssl lines in pg_hba.conf.
    """
    addresses = settings.get("listen_addresses")
    alone = {"", "localhost", "127.0.0.1", "::1"}
    if settings.get("ssl") != "off" or {one.strip() for one in addresses.split(",")} <= alone:
        return
    yield Finding(
        "ssl",
        f"ssl is off and the server listens on {addresses}",
        Remedy(
            "Give it a certificate, and turn TLS on.",
            sql="ALTER SYSTEM SET ssl = on;\nSELECT pg_reload_conf();",
            effect="needs server.crt and server.key in the data folder",
        ),
        {"listen_addresses": addresses},
    )
