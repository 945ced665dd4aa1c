"""Logins at the embedded broker with tokens, found in the directory that gateways have too."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from buildfeed.broker.local.users import Holder
from buildfeed.grants import Grants
from buildfeed.history.tokens import Tokens
from buildfeed.secret_kinds import BEARER
from gateway.access.audit import Audit, outcome
from gateway.access.directory import Directory
from gateway.access.principal import Principal
from gateway.access.token_file import TokenFile
from gateway.log_limit import LogLimit
from gateway.problems import Problem

_LOGGED: Final = LogLimit(20)

log = logging.getLogger(__name__)


class Logins:
    """Knows the holders of `tokens`, and of those in a `file`.

    `run` finds out which of them are good no more, and records who has logged in in the `audit`.
    """

    def __init__(
        self, tokens: Tokens, audit: Audit | None = None, file: TokenFile | None = None
    ) -> None:
        self._audit = audit or Audit()
        self._directory = Directory(tokens, Grants(), self._audit, file)
        self._found: dict[str, Principal] = {}
        """Those who have logged in, by the ids of their tokens."""

    async def run(self) -> None:
        """Look for changes every 3 s, and record the audit, until cancelled."""
        try:
            async with asyncio.TaskGroup() as running:
                running.create_task(self._directory.run())
                running.create_task(self._audit.run())
        finally:
            await self._audit.close()

    async def find(self, name: str, password: str, address: str) -> Holder | None:
        """Return who logs in with a token and its name, None for nobody.

        Raises HistoryUnavailable.
        """
        try:
            who = await self._look_up(name, password, address)
        except Problem as problem:
            self._tell(problem, address)
            nobody, ended = self._directory.anonymous, outcome(problem)
            self._audit.refused(nobody, "login", "mqtt", address, ended, problem.principal)
            return None
        self._audit.accepted(who, "login", "mqtt", address)
        self._found[who.token] = who
        return Holder(who.name, who.token, who.grants)

    async def _look_up(self, name: str, password: str, address: str) -> Principal:
        """Return the principal of a token; raises Problem, and HistoryUnavailable."""
        if not password.startswith(BEARER):
            raise self._directory.failed(address)
        who = await self._directory.find(password, address)
        if who.name != name:
            raise self._directory.failed(address)
        return who

    def enter(self, holder: Holder, leave: Callable[[str], None]) -> None:
        """Take note that a holder is here; `leave` is called when that has to end, and says why."""

        def left(why: str) -> None:
            self._directory.visitors.leave(holder.token)
            self._found.pop(holder.token, None)
            leave(why)

        self._directory.visitors.enter(holder.token, self._found[holder.token], left)

    def _tell(self, problem: Problem, address: str) -> None:
        """Log a refusal, without the name: it may be a token, in the wrong field."""
        reason = problem.extra.get("reason", problem.slug)
        left_out = _LOGGED.take((reason, address), asyncio.get_running_loop().time())
        if left_out is not None:
            facts = {"reason": reason, "client": address, "left_out": left_out}
            log.warning("embedded.login_refused", extra=facts)
