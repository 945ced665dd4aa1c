"""Tokens by their names: RabbitMQ tells a secret once, at the login, and then the name alone."""

import asyncio
import hmac
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

_REMEMBERED: Final = 10_000
_AT_ONCE: Final = 2
"""Names that are looked up at a time: strangers cause look-ups, and each has a thread."""


class TokenNames:
    """Knows the good token of a name, and forgets it when the directory hears that it changed.

    `on_change` is called with the names of tokens that were revoked or have other grants.
    """

    def __init__(self, tokens: Tokens, directory: Directory) -> None:
        self._tokens = tokens
        self._directory = directory
        self._known: OrderedDict[str, Token] = OrderedDict()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._changes = 0
        self.on_change: Callable[[set[str]], object] = lambda _names: None
        directory.on_change = self._change

    async def log_in(self, name: str, secret: str) -> Principal | None:
        """Return who somebody of a name is who has this secret; raises HistoryUnavailable.

        A wrong secret costs no look-up. So there is no limit of attempts, which would keep out
        those who have the right one: RabbitMQ does not say from where somebody comes.
        """
        token = await self.good(name) if secret.startswith(BEARER) else None
        if token is None or not hmac.compare_digest(token.hash, digest(secret)):
            return None
        try:
            return await self._directory.find(secret, "")  # notes that it is used
        except Problem:
            return None  # it was revoked in this moment

    async def good(self, name: str) -> Token | None:
        """Return the good token of a name, None if there is none; raises HistoryUnavailable.

        One in the file of tokens goes before one in the history.
        """
        if token := self._directory.of_file(name):
            self._remember(token)
        else:
            token = self._known.get(name)
        if token is None and names.is_name(name):
            token = await self._look_up(name)
        if token and token.expires and token.expires <= self._directory.now():
            return None
        return token

    async def _look_up(self, name: str) -> Token | None:
        async with self._free:
            if not self._directory.has_looked:  # it would not hear of the first change
                await self._directory.look()
            changes = self._changes
            token = await answered(self._tokens.good, name)
        if token and changes == self._changes:
            self._remember(token)
        return token

    def _remember(self, token: Token) -> None:
        self._known[token.name] = token
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _change(self, tokens: list[Token]) -> None:
        self._changes += 1
        changed = set()
        for token in tokens:
            known = self._known.pop(token.name, None)
            if token.revoked or (known and known.grants != token.grants):
                changed.add(token.name)
        self.on_change(changed)
