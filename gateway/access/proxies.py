"""Trusted proxies: the address of a client behind them, from X-Forwarded-For. Pure.

Each proxy adds the address that it was asked from at the end of X-Forwarded-For; whatever stands
before may be made up. So the list is read from its end, as far as the addresses are those of
trusted proxies. The next one is the client's.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT: Final = re.compile(r"\[([^\[\]]+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)
_LONGEST: Final = 64
"""Characters of an address with a port; more is none."""
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NEIGHBOURS: Final = 64
"""Bits of an IPv6 address that its owner shares with nobody: a site gets so many at least."""


class Proxies:
    """The proxies that are trusted; each of `networks` is an address or a network of them.

    Raises ValueError for what is neither.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [network(each) for each in networks]

    def trusts(self, address: str) -> bool:
        """Tell whether this is the address of a trusted proxy."""
        found = _parsed(address) if self._networks else None
        return found is not None and self._has(found)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the address of the client of a connection from `peer`.

        `forwarded` are the lines X-Forwarded-For of its request. The answer is the last address
        that is no trusted proxy's; if there is none, or what stands there is no address, it is that
        of the proxy farthest away.
        """
        known = peer
        if self.trusts(peer):
            for text in reversed(",".join(forwarded).split(",")):
                found = _parsed(text.strip(" \t"))
                if found is None:
                    break
                known = str(found)
                if not self._has(found):
                    break
        return known

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def network(text: str) -> Network:
    """Return the network, or the address as one, in `text`; raise ValueError for anything else.

    One that lies in IPv4 inside IPv6 (RFC 4291 §2.5.5.2) is that of IPv4, and a zone is left out,
    as in the addresses that are compared with it. No proxy has the address `0.0.0.0`, `::` or one
    of a group (multicast), so these are refused.
    """
    plain = re.sub(r"[\[\]]|%[^/]*", "", text.strip())
    found = ipaddress.ip_network(plain, strict=False)
    if isinstance(found, ipaddress.IPv6Network) and found.subnet_of(_MAPPED):
        inner = ipaddress.IPv4Address(int(found.network_address) & (2**32 - 1))
        found = ipaddress.ip_network((inner, found.prefixlen - _MAPPED.prefixlen))
    if found.is_multicast or (found.num_addresses == 1 and found.is_unspecified):
        raise ValueError(text)
    return found


def owner(address: str) -> str:
    """Return what stands for all addresses of the one who has this: of IPv6 its /64."""
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _NEIGHBOURS), strict=False))
    return address if found is None else str(found)


def _parsed(text: str) -> Address | None:
    """Return the address in an entry, which may have a port; that of IPv4 inside IPv6 as IPv4."""
    if len(text) > _LONGEST:
        return None
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        address = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
