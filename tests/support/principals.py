"""Principals, and directories that know them."""

from typing import cast

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from buildfeed.grants import EVERYTHING, Grants
from buildfeed.history.tokens import Tokens
from gateway.access.directory import Directory
from gateway.access.principal import ANONYMOUS, SCOPE, Principal
from gateway.problems import Problem

ANYBODY = Principal(name=ANONYMOUS, grants=EVERYTHING)
"""Somebody anonymous, where everybody may do everything."""


def principal(name: str, *grants: str) -> Principal:
    """Return somebody who is signed in."""
    return Principal(name=name, grants=Grants.parse(grants), token=f"id-of-{name}")


def open_to_all() -> Directory:
    """Return the directory of a gateway where everybody may do everything; it knows no token."""
    return Directory(cast(Tokens, None), EVERYTHING)


class AsAnybody:
    """Middleware (ASGI): every request is that of ANYBODY."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[SCOPE] = ANYBODY
        await self._app(scope, receive, send)


async def refused(directory: Directory, credential: str, address: str = "192.0.2.1") -> str:
    """Return why a credential is refused."""
    with pytest.raises(Problem) as problem:
        await directory.find(credential, address)
    return str(problem.value.extra.get("reason", problem.value.slug))


class Open:
    """Something that a principal has open."""

    def __init__(self, directory: Directory, who: Principal) -> None:
        self.closed: list[str] = []
        directory.visitors.enter(self, who, self.closed.append)
