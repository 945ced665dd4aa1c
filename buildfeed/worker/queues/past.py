"""The past of a build in the history: a worker asks for it right before it begins the build."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from buildfeed.activity import Key
from buildfeed.board import BuildState
from buildfeed.errors import BuildfeedError

log = logging.getLogger(__name__)

_ANSWER_SECONDS: Final = 2.0
"""Seconds that a build waits for a history that does not answer."""

_PAUSE_SECONDS: Final = 10.0
"""Seconds for which a history that could not be read is not asked again."""


class Past:
    """The history as a worker asks it.

    `get(project, build)` may block, and raise BuildfeedError.
    """

    def __init__(self, get: Callable[[str, str], BuildState | None]) -> None:
        self._get = get
        self._ask_again = 0.0

    async def state(self, key: Key) -> BuildState | None:
        """Return the newest state of a build, None when it is unknown or cannot be read now."""
        if time.monotonic() < self._ask_again:
            return None
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await asyncio.to_thread(self._get, *key)
        except TimeoutError:
            reason = f"no answer within {_ANSWER_SECONDS:g} s"
        except BuildfeedError as exc:
            reason = str(exc)
        except Exception as exc:  # the build must not fail for it
            log.exception("history.failed")
            reason = repr(exc)
        self._ask_again = time.monotonic() + _PAUSE_SECONDS
        log.warning("history.unread", extra={"reason": reason})
        return None
