"""The parts of a gateway process that run all the time, each started again when it fails."""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from buildfeed.keep_running import keep_running
from gateway.tasks import Tasks

log = logging.getLogger(__name__)


class Part(Protocol):
    """Something that runs as long as the gateway does."""

    async def run(self) -> None:
        """Run until cancelled."""


@contextlib.asynccontextmanager
async def kept_running(parts: Iterable[Part]) -> AsyncIterator[None]:
    """Run `parts` beside the body, and cancel them at its end."""
    tasks = Tasks()
    for part in parts:
        # A page must not go stale in silence.
        name = type(part).__name__
        tasks.start(keep_running(part.run, log, "gateway.part_failed", part=name))
    try:
        yield
    finally:
        await tasks.cancel()
