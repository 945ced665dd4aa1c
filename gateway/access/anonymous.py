"""Anonymous access: what everybody may do who reaches the port, without a token. Pure."""

import ipaddress
from typing import Final

from buildfeed.errors import InvalidGrant
from buildfeed.grants import EVERYTHING, Grants

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


def parse(text: str) -> Grants:
    """Return the grants of everybody that an operator means by `text`; raises InvalidGrant.

    `none` grants nothing, `viewer` reading, and `all` everything. Else they are grants with spaces
    or commas between them.
    """
    words = text.replace(",", " ").split()
    if words == ["none"]:
        return Grants()
    if words == ["all"]:
        return EVERYTHING
    if not words:
        raise InvalidGrant(text, "say none, viewer, all, or name grants")
    return Grants.parse("viewer@*" if word == "viewer" else word for word in words)


def written(grants: Grants) -> str:
    """Return grants as `parse` takes them."""
    if grants == EVERYTHING:
        return "all"
    return " ".join(map(str, grants)) or "none"


def meaning(grants: Grants) -> str:
    """Return what everybody may do who reaches the port."""
    if grants == EVERYTHING:
        return ALLOWED
    return f"everybody who reaches this port has the grants {', '.join(map(str, grants))}"


def refusal(host: str, anonymous: Grants | None, *, has_tokens: bool) -> str | None:
    """Return the sentence to refuse to serve on `host` with, which says what to do; None to serve.

    `anonymous` is the decision of the operator, None without one. Whoever has a token can sign in.
    """
    if anonymous is not None or is_loopback(host) or has_tokens:
        return None
    return (
        f"Others may reach {host}, and nobody can sign in yet: make a token first (buildfeed token "
        "add NAME operator), say --anonymous viewer to let everybody watch, say --anonymous all if "
        f"{ALLOWED}, or keep --host 127.0.0.1."
    )


def decided(host: str, anonymous: Grants | None) -> Grants:
    """Return what everybody may do; without a decision all on the loopback, else nothing."""
    if anonymous is None:
        return EVERYTHING if is_loopback(host) else Grants()
    return anonymous
