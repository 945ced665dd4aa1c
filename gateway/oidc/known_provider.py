"""What is known of the provider: its configuration and its keys, read again now and then.

Strangers can show tokens that name keys which nobody knows. So an unknown key is a reason to ask
the provider at most once in 10 s, all who wait for it wait for the same answer, and while it is
away the keys that are known go on.
"""

import asyncio
import logging
import time
from typing import Final

from gateway.oidc.jwt import Jwt, Key, Keys
from gateway.oidc.provider import Configuration, Provider, ProviderUnavailable
from gateway.tasks import Tasks

PAUSE_SECONDS: Final = 10.0
"""Seconds between two times that the provider is asked, whatever it answers."""
_FRESH_SECONDS: Final = 3600.0
"""Seconds after which it is asked again by itself: a key that it has given up counts no longer."""

log = logging.getLogger(__name__)


class KnownProvider:
    """Configuration and keys of a provider, read while it runs; both raise ProviderUnavailable."""

    def __init__(self, provider: Provider, pause: float = PAUSE_SECONDS) -> None:
        self._provider = provider
        self._pause = pause
        self._configuration: Configuration | None = None
        self._keys = Keys()
        self._trouble = ""
        self._asked = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._tasks = Tasks()
        self.answered = self.failed = 0
        """How often it was asked, and answered or not."""

    async def run(self) -> None:
        """Read at once, and again every hour, or until it answers; until cancelled."""
        try:
            while True:
                await self._read_again()
                await asyncio.sleep(self._pause if self._trouble else _FRESH_SECONDS)
        finally:
            await self._tasks.cancel()

    async def configuration(self) -> Configuration:
        """Return its configuration."""
        if self._configuration is None:
            await self._read_again()
        if self._configuration is None:
            raise ProviderUnavailable(self._trouble)
        return self._configuration

    async def key(self, token: Jwt) -> Key | None:
        """Return the key that a token names, None if the provider has no such."""
        if key := self._keys.of_token(token):
            return key
        await self._read_again()
        if key := self._keys.of_token(token):
            return key
        if self._trouble:  # it may have a key that we have not read yet
            raise ProviderUnavailable(self._trouble)
        return None

    async def _read_again(self) -> None:
        """Ask the provider, unless that was a moment ago."""
        if self._reading is None or self._reading.done():
            if time.monotonic() - self._asked < self._pause:
                return
            self._asked = time.monotonic()
            self._reading = self._tasks.start(self._read())
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        try:
            configuration = await self._provider.configuration()
            keys = Keys.of(await self._provider.keys(configuration))
        except ProviderUnavailable as exc:
            self.failed += 1
            self._trouble = exc.reason
            log.warning("oidc.unavailable", extra={"reason": exc.reason, "keys": len(self._keys)})
            return
        self.answered += 1
        self._trouble, self._configuration, self._keys = "", configuration, keys
        log.info("oidc.keys_read", extra={"keys": len(keys)})
