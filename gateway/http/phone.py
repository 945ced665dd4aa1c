"""Edge: HTTP. `/api/phone`: what somebody puts into an app of MQTT, but for the token itself."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from buildfeed.grants import Area, Grant, Grants
from gateway.access import hosts, principal
from gateway.access.principal import Principal
from gateway.broker_address import BrokerAddress
from gateway.http import requests
from gateway.state.live import Live

MOST_TOPICS: Final = 100
_LOOKED_AT: Final = 2000
"""Builds whose projects are named to somebody who may read any."""

UNKNOWN: Final = (
    "Nobody has said where phones reach the broker: start the gateway with --mqtt-public-url and "
    "the address, as in mqtts://broker.example:8883."
)
HERE: Final = (
    "A phone cannot reach MQTT, which listens on this machine alone: start “buildfeed up” with "
    "--host and an address of this machine, or say with --mqtt-public-url where a proxy or another "
    "broker takes phones."
)
BY_LOOPBACK: Final = (
    "You opened this page as {host}, which to a phone is the phone itself: open it by the name or "
    "the address that this machine has in its network."
)


class Phone:
    """The endpoint; phones reach the broker at `addresses`."""

    def __init__(self, live: Live, addresses: Sequence[BrokerAddress]) -> None:
        self._live = live
        self._addresses = addresses

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route("/api/phone", self.show)]

    async def show(self, request: Request) -> Response:
        """200 and how one's own phone reaches the broker, and what it may subscribe to."""
        who = principal.of(request.scope)
        if not who.grants.areas("read"):
            raise who.refused(Grant("read"))
        requests.no_query(request.query_params.multi_items())
        host = _host(request)
        addresses = [each.seen_at(host) for each in self._addresses]
        name = _login(who)
        body = {
            "name": name,
            "clientId": name and f"{name}:phone",
            "addresses": list(map(shown, addresses)),
            "unreachable": unreachable(self._addresses, host),
            "topics": topics(who.grants, self._projects(who.grants)),
        }
        headers = {"Cache-Control": "no-store"}
        return Response(msgspec.json.encode(body), 200, headers, media_type="application/json")

    def _projects(self, grants: Grants) -> list[str]:
        """Return the projects of the builds that were seen lately, of those that one may know."""
        board = self._live.board
        seen = islice(chain(board.unfinished(), board.ended()), _LOOKED_AT)
        return sorted({state.key[0] for state in seen if grants.sees(*state.key)})


def topics(grants: Grants, projects: Iterable[str]) -> list[str]:
    """Return filters that one may subscribe to at a broker: of what is granted, and of `projects`.

    They are MOST_TOPICS at most, those of the grants first.
    """
    areas = sorted(grants.areas("read"), key=lambda area: str(area.filter))
    return list(islice(dict.fromkeys(_topics(grants, areas, projects)), MOST_TOPICS))


def _topics(grants: Grants, areas: Sequence[Area], projects: Iterable[str]) -> Iterator[str]:
    yield from (str(area.filter) for area in areas)
    wide = [area for area in areas if area.project is None]
    for project in chain((area.project for area in areas), projects):
        if project is not None:
            yield from (str(msgspec.structs.replace(area, project=project).filter) for area in wide)
            if grants.by("read", Area(project, kind="status")):
                yield f"projects/{project}/latest"


def unreachable(addresses: Sequence[BrokerAddress], host: str) -> str | None:
    """Return why no phone reaches any of the addresses, and what to do; None if one may.

    `host` is the one that the page was opened at.
    """
    if not addresses:
        return UNKNOWN
    if not all(each.seen_at(host).is_here for each in addresses):
        return None
    return HERE if all(each.is_here for each in addresses) else BY_LOOPBACK.format(host=host)


def shown(address: BrokerAddress) -> dict[str, object]:
    """Return an address as it is answered."""
    own = msgspec.structs.asdict(address)
    return {"url": str(address), **own, "tls": address.tls, "here": address.is_here}


def _login(who: Principal) -> str | None:
    """Return the name that one logs in with at a broker; None without a token for it."""
    has_none = who.anonymous or who.is_of_provider or who.by_link
    return None if has_none else who.name


def _host(request: Request) -> str:
    """Return the host at which the page was opened."""
    named = hosts.host(request.headers.get("host", ""))
    return named.name if named else request.url.hostname or "localhost"
