"""Work that runs as long as its process, started again whenever it ends unexpectedly."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

PAUSE_SECONDS: Final = 1.0


async def keep_running(
    run: Callable[[], Awaitable[None]], log: logging.Logger, event: str, **facts: object
) -> None:
    """Call `run` again a second after each end, until cancelled; log `event` with the traceback.

    A task that dies in silence leaves a process that seems to be up.
    """
    while True:
        try:
            await run()
        except asyncio.CancelledError:
            # Also raised by waiting for something else that was cancelled: that ends nothing here.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.exception(event, extra=facts)
        except Exception:
            log.exception(event, extra=facts)
        await asyncio.sleep(PAUSE_SECONDS)
