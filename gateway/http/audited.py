"""What the audit notes of a request: who asked for what from where, and how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from buildfeed.errors import HistoryUnavailable
from gateway.access.audit import REFUSALS, Audit, outcome
from gateway.access.directory import Directory
from gateway.access.principal import SCOPE, Principal
from gateway.problems import Problem

_NOTED: Final = "buildfeed.noted"
"""The key in the scope of a request whose end is noted by `audited`."""
_LINKS: Final = "/s/"
"""What begins the paths that are secrets."""


class Asked(msgspec.Struct):
    """What a request does: who asks, and for what."""

    who: Principal
    subject: str


@contextmanager
def audited(request: Request, action: str) -> Iterator[Asked]:
    """Note in the audit that an action was accepted, or the problem it is refused with.

    The body may say who it turned out to be, and what was done: else it is what the path names.
    """
    scope = request.scope
    subject = "/".join(map(str, request.path_params.values()))
    asked, audit = Asked(_who(scope), subject), _audit(scope)
    scope[_NOTED] = True
    try:
        yield asked
    except Problem as problem:
        audit.refused(
            asked.who, action, asked.subject, _address(scope), outcome(problem), problem.principal
        )
        raise
    except HistoryUnavailable:
        audit.refused(asked.who, action, asked.subject, _address(scope), "history-unavailable")
        raise
    audit.accepted(asked.who, action, asked.subject, _address(scope))


def refused(scope: Scope, problem: Problem) -> None:
    """Note a refusal, if it is one for who asks and nobody else notes it."""
    if problem.slug in REFUSALS and _NOTED not in scope:
        path = scope["path"]
        subject = f"{scope['method']} {_LINKS if path.startswith(_LINKS) else path}"
        _audit(scope).refused(
            _who(scope), "request", subject, _address(scope), outcome(problem), problem.principal
        )


def _audit(scope: Scope) -> Audit:
    return _directory(scope).audit


def _who(scope: Scope) -> Principal:
    return scope.get(SCOPE) or _directory(scope).anonymous


def _directory(scope: Scope) -> Directory:
    directory: Directory = scope["state"]["directory"]
    return directory


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""
