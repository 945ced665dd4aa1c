"""The admission of commands: how many a minute, from whom, and how many builds may wait.

Anybody can make up names of projects, so a limit of each project alone is none. Behind a trusted
proxy the address is that of the client.
"""

import logging
import math
import time
from collections import Counter
from http import HTTPStatus
from typing import Any, Final

import msgspec

from gateway.log_limit import LogLimit
from gateway.problems import Problem
from gateway.rate_limit import RateLimits

PROJECT: Final = "starts-per-minute"
ADDRESS: Final = "starts-per-address"
ALL: Final = "starts-in-all"
UNFINISHED: Final = "max-unfinished"

_FULL_RETRY_SECONDS: Final = 10.0
_LOGGED_A_MINUTE: Final = 20

log = logging.getLogger(__name__)


class Most(msgspec.Struct, frozen=True, kw_only=True):
    """Starts a minute of a `project`, of an `address` and `in_all`, and builds unfinished at once.

    As many stops as starts may come from an address and in all. 0: no limit.
    """

    project: int
    address: int
    in_all: int
    unfinished: int


class Admission:
    """Lets commands pass, or raises Problem 429 that says which limit is reached."""

    def __init__(self, most: Most) -> None:
        self._most = most.unfinished
        shared = {ADDRESS: most.address, ALL: most.in_all}
        self._starts = RateLimits({PROJECT: most.project, **shared})
        self._stops = RateLimits(shared)
        self._logged = LogLimit(_LOGGED_A_MINUTE)
        self.reached = Counter({PROJECT: 0, ADDRESS: 0, ALL: 0, UNFINISHED: 0})
        """Commands that were refused, by the limit."""

    def passes(self, project: str, client: str, unfinished: int) -> bool:
        """Tell whether a start would pass `check` now."""
        return self._reached(project, client, unfinished) is None

    def check(self, project: str, client: str, unfinished: int) -> None:
        """Raise Problem if no start may pass now.

        `client` is what stands for the address of who asks, empty if there is none. `unfinished`
        builds are known to be queued or running.
        """
        if reached := self._reached(project, client, unfinished):
            raise self._refusal("starts", *reached, project, client)

    def start(self, project: str, client: str, unfinished: int) -> None:
        """Count a start, or raise Problem; see `check`."""
        self.check(project, client, unfinished)
        self._starts.take(_names(client, project), time.monotonic())

    def stop(self, project: str, client: str) -> None:
        """Count a stop, or raise Problem; see `check`."""
        if reached := self._stops.take(_names(client), time.monotonic()):
            raise self._refusal("stops", *reached, project, client)

    def _reached(self, project: str, client: str, unfinished: int) -> tuple[str, float] | None:
        """Return the limit that is reached, and the seconds after which to try again."""
        if self._most and unfinished >= self._most:
            return UNFINISHED, _FULL_RETRY_SECONDS
        return self._starts.look(_names(client, project), time.monotonic())

    def _refusal(self, what: str, limit: str, wait: float, project: str, client: str) -> Problem:
        self._note(limit, project, client)
        status, seconds = HTTPStatus.TOO_MANY_REQUESTS, math.ceil(wait)
        facts: dict[str, Any] = {"headers": {"Retry-After": str(seconds)}, "limit": limit}
        if limit == UNFINISHED:
            detail = (
                f"{self._most} builds are queued or running, and no more may be: "
                "try again when some have ended, or stop some."
            )
            return Problem(status, "queue-full", detail, **facts)
        most = self._starts.per_minute[limit]
        whose = {
            PROJECT: f"Project {project} has",
            ADDRESS: f"The address {client} sends",
            ALL: "This gateway is sent",
        }
        detail = f"{whose[limit]} over {most} {what} a minute: try again in {seconds} s."
        if what == "stops":
            return Problem(status, "too-many-stops", detail, **facts)
        return Problem(status, "too-many-starts", detail, **facts)

    def _note(self, limit: str, project: str, client: str) -> None:
        self.reached[limit] += 1
        left_out = self._logged.take((limit, client), time.monotonic())
        if left_out is not None:
            facts = {"limit": limit, "project": project, "client": client, "left_out": left_out}
            log.warning("start.limited", extra=facts)


def _names(client: str, project: str = "") -> dict[str, str]:
    """Return whose commands each limit counts; without an address there is none for that."""
    names = {PROJECT: project, ADDRESS: client, ALL: "all"}
    return {limit: name for limit, name in names.items() if name}
