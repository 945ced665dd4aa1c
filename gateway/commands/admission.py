"""The admission of commands: how many a minute, from whom, and how many builds may wait.

Anybody can make up names of projects, so a limit of each project alone is none. Behind a trusted
proxy the address is that of the client. One who is signed in has a limit of its own, wherever it
comes from.
"""

import logging
import math
import time
from collections import Counter
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from gateway.log_limit import LogLimit
from gateway.problems import Problem
from gateway.rate_limit import RateLimits

PROJECT: Final = "starts-per-minute"
ADDRESS: Final = "starts-per-address"
PRINCIPAL: Final = "starts-per-principal"
ALL: Final = "starts-in-all"
UNFINISHED: Final = "max-unfinished"

_FULL_RETRY_SECONDS: Final = 10.0
_LOGGED_A_MINUTE: Final = 20

log = logging.getLogger(__name__)


class Caller(NamedTuple):
    """Who commands, as the limits count: what stands for an address, and a name; each if known."""

    address: str = ""
    principal: str = ""


NOBODY: Final = Caller()
"""Somebody of whom nothing is known."""


class Most(msgspec.Struct, frozen=True, kw_only=True):
    """Starts a minute of a `project`, an `address`, a `principal` and `in_all`; unfinished builds.

    As many stops as starts may come of each but a project. 0: no limit.
    """

    project: int
    address: int
    principal: int
    in_all: int
    unfinished: int


class Admission:
    """Lets commands pass, or raises Problem 429 that says which limit is reached."""

    def __init__(self, most: Most) -> None:
        self._most = most.unfinished
        shared = {ADDRESS: most.address, PRINCIPAL: most.principal, ALL: most.in_all}
        self._starts = RateLimits({PROJECT: most.project, **shared})
        self._stops = RateLimits(shared)
        self._logged = LogLimit(_LOGGED_A_MINUTE)
        self.reached = Counter({PROJECT: 0, **dict.fromkeys(shared, 0), UNFINISHED: 0})
        """Commands that were refused, by the limit."""

    def passes(self, project: str, caller: Caller, unfinished: int) -> bool:
        """Tell whether a start would pass `check` now."""
        return self._reached(project, caller, unfinished) is None

    def check(self, project: str, caller: Caller, unfinished: int) -> None:
        """Raise Problem if no start may pass now.

        `unfinished` builds are known to be queued or running.
        """
        if reached := self._reached(project, caller, unfinished):
            raise self._refusal("starts", *reached, project, caller)

    def start(self, project: str, caller: Caller, unfinished: int) -> None:
        """Count a start, or raise Problem; see `check`."""
        self.check(project, caller, unfinished)
        self._starts.take(_names(caller, project), time.monotonic())

    def stop(self, project: str, caller: Caller) -> None:
        """Count a stop, or raise Problem; see `check`."""
        if reached := self._stops.take(_names(caller), time.monotonic()):
            raise self._refusal("stops", *reached, project, caller)

    def _reached(self, project: str, caller: Caller, unfinished: int) -> tuple[str, float] | None:
        """Return the limit that is reached, and the seconds after which to try again."""
        if self._most and unfinished >= self._most:
            return UNFINISHED, _FULL_RETRY_SECONDS
        return self._starts.look(_names(caller, project), time.monotonic())

    def _refusal(self, what: str, limit: str, wait: float, project: str, caller: Caller) -> Problem:
        self._note(limit, project, caller)
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
            ADDRESS: f"The address {caller.address} sends",
            PRINCIPAL: f"{caller.principal} sends",
            ALL: "This gateway is sent",
        }
        detail = f"{whose[limit]} over {most} {what} a minute: try again in {seconds} s."
        if what == "stops":
            return Problem(status, "too-many-stops", detail, **facts)
        return Problem(status, "too-many-starts", detail, **facts)

    def _note(self, limit: str, project: str, caller: Caller) -> None:
        self.reached[limit] += 1
        left_out = self._logged.take((limit, *caller), time.monotonic())
        if left_out is not None:
            facts = {"limit": limit, "project": project, "client": caller.address}
            facts |= {"principal": caller.principal} if caller.principal else {}
            log.warning("start.limited", extra=facts | {"left_out": left_out})


def _names(caller: Caller, project: str = "") -> dict[str, str]:
    """Return whose commands each limit counts; what is not known there is none for."""
    names = {PROJECT: project, ADDRESS: caller.address, PRINCIPAL: caller.principal, ALL: "all"}
    return {limit: name for limit, name in names.items() if name}
