"""The right of one `buildfeed up` to its folder, and the promise that nothing stays after it."""

import asyncio
import secrets
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Final, Self

from buildfeed.cli.here import LOCK
from buildfeed.cli.settings import Settings
from buildfeed.cli.variables import UP
from buildfeed.history.options import recorder_lock
from buildfeed.machine.folder import FolderLock, FolderUnusable
from buildfeed.machine.warden import Warden

_RECORDER_ID: Final = "recorder"

_LOOK_SECONDS: Final = 1.0
"""Seconds between two looks at folder and warden."""


class Alone:
    """As a context: no other `up` works in the same folder, or records in the same file.

    All processes that are started in it have to have one of its marks in their environment: `mark`,
    or the one of the private RabbitMQ, given as `rabbitmq`. When this process is killed, they are
    ended. Entering it raises FolderHeld or FolderUnusable.
    """

    def __init__(self, settings: Settings, rabbitmq: str | None) -> None:
        self.mark = f"{UP}={secrets.token_hex(8)}"
        own = "end it first, or give this one a --data-dir of its own"
        folder = FolderLock(settings.data_dir / LOCK, "`buildfeed up`", own)
        advice = "end it first, or give this one a --database-url of its own"
        recorder = recorder_lock(settings.database_url, _RECORDER_ID, advice)
        self._locks = [folder, recorder] if recorder else [folder]
        self._warden = Warden(*filter(None, [self.mark, rabbitmq]), lock=folder)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for lock in self._locks:
                stack.callback(lock.release)
                lock.take()
            stack.enter_context(self._warden)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    async def look_after(self) -> None:
        """Until cancelled: take the locks again if their folder was removed, replace the warden.

        Raises FolderHeld when somebody else took the folder meanwhile.
        """
        while True:
            self._warden.renew()
            for lock in self._locks:
                with suppress(FolderUnusable):
                    lock.renew()
            await asyncio.sleep(_LOOK_SECONDS)
