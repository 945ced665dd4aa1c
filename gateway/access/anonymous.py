"""Anonymous access: everybody who reaches the port is served without a login, or nobody. Pure."""

import ipaddress
from typing import Final, Literal

Anonymous = Literal["all", "none"]
"""`all`: everybody may read, start and stop every build. `none`: nobody is served."""

ALL_INTERFACES: Final = "0.0.0.0"  # noqa: S104 - a word for it, nothing is opened here
ALLOWED: Final = "everybody who reaches this port may read, start and stop every build"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server that listens on `host`.

    Loopback is 127.0.0.0/8, ::1, ::ffff:127.0.0.1, and `localhost` with the names below it (RFC
    6761 §6.3). No other name is looked up, as its address may change.
    """
    name = host.lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def refusal(host: str, anonymous: Anonymous | None) -> str | None:
    """Return the sentence to refuse to serve on `host` with, which says what to do; None to serve.

    `anonymous` is the decision of the operator, None without one. There is no login yet.
    """
    if anonymous == "none":
        return (
            "There is no login yet, so --anonymous none serves nobody: say --anonymous all, and "
            f"{ALLOWED}."
        )
    if anonymous is None and not is_loopback(host):
        return (
            f"Others may reach {host}, and there is no login yet: say --anonymous all if "
            f"{ALLOWED}, or keep --host 127.0.0.1."
        )
    return None
