"""Tokens by their names: RabbitMQ tells a secret once, at the login, and then the name alone."""

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from buildfeed import names
from buildfeed.history.tokens import Token, Tokens, digest
from buildfeed.secret_kinds import BEARER
from gateway.access.directory import Directory
from gateway.access.principal import Principal
from gateway.answered import answered
from gateway.problems import Problem
from gateway.rate_limit import RateLimit

_REMEMBERED: Final = 10_000
_MOST_LOOKS: Final = 10
"""Looks for changes that wrong secrets of a name cause at once, and in a minute from then on."""
_AT_ONCE: Final = 2
"""Names that are looked up at a time: strangers cause look-ups, and each has a thread."""


class TokenNames:
    """Knows the good tokens of a name, and forgets them when the directory hears of a change.

    `on_change` is called with the names of tokens that were revoked, have ended while another of
    the name is good, or have other grants: nobody knows by which token a client has logged in.
    """

    def __init__(self, tokens: Tokens, directory: Directory) -> None:
        self._tokens = tokens
        self._directory = directory
        self._known: OrderedDict[str, list[Token]] = OrderedDict()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._changes = 0
        self._looks = RateLimit(_MOST_LOOKS)
        self.on_change: Callable[[set[str]], object] = lambda _names: None
        directory.on_change = self._change

    async def log_in(self, name: str, secret: str) -> Principal | None:
        """Return who somebody of a name is who has this secret; raises HistoryUnavailable.

        Wrong secrets of a name cost few looks. So there is no limit of attempts, which would keep
        out those who have the right one: RabbitMQ does not say from where somebody comes.
        """
        found = await self._good(name) if secret.startswith(BEARER) else []
        if not found:
            return None
        if not _is_one_of(secret, found):
            if self._looks.take(name, time.monotonic()):
                return None
            await self._directory.look()  # it may be new, of a name that was renewed just now
            if not _is_one_of(secret, await self._good(name)):
                return None
        try:
            return await self._directory.find(secret, "")  # notes that it is used
        except Problem:
            return None  # it was revoked in this moment

    async def good(self, name: str) -> Token | None:
        """Return the newest good token of a name, None without one; raises HistoryUnavailable."""
        return next(iter(await self._good(name)), None)

    async def _good(self, name: str) -> list[Token]:
        """Return the good tokens of a name, the newest first; raises HistoryUnavailable.

        One in the file of tokens goes before those in the history.
        """
        if in_file := self._directory.of_file(name):
            found: list[Token] | None = [in_file]
            self._remember(name, [in_file])
        else:
            found = self._known.get(name)
        if found is None:
            found = await self._look_up(name) if names.is_name(name) else []
        good = [token for token in found if not self._is_over(token)]
        if 0 < len(good) < len(found):
            self._remember(name, good)
            self.on_change({name})
        return good

    def _is_over(self, token: Token) -> bool:
        return token.expires is not None and token.expires <= self._directory.now()

    async def _look_up(self, name: str) -> list[Token]:
        async with self._free:
            if not self._directory.has_looked:  # it would not hear of the first change
                await self._directory.look()
            changes = self._changes
            found = await answered(self._tokens.good, name)
        if found and changes == self._changes:
            self._remember(name, found)
        return found

    def _remember(self, name: str, found: list[Token]) -> None:
        self._known[name] = found
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _change(self, tokens: list[Token]) -> None:
        self._changes += 1
        changed = set()
        for token in tokens:
            known = self._known.pop(token.name, [])
            regranted = any(each.grants != token.grants for each in known)
            if token.revoked or self._is_over(token) or regranted:
                changed.add(token.name)
        self.on_change(changed)


def _is_one_of(secret: str, found: list[Token]) -> bool:
    hash_ = digest(secret)
    return any(hmac.compare_digest(token.hash, hash_) for token in found)
