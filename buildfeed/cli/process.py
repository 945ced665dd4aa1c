"""A process that is started again whenever it dies, until it is told to stop."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping

HEALTHY_SECONDS = 10.0
"""A process that ran for longer is started again without a delay."""
MAX_DELAY_SECONDS = 5.0
"""Longest delay before a process that dies again and again is started again."""
STOP_SECONDS = 5.0
"""Seconds that a process has to end, unless it needs more; then it is killed."""

log = logging.getLogger(__name__)


class Process:
    """`buildfeed COMMAND` with `environment`, supervised; it has `stop_seconds` to end."""

    def __init__(
        self, command: str, environment: Mapping[str, str], stop_seconds: float = STOP_SECONDS
    ) -> None:
        self._command = command
        self._stop_seconds = stop_seconds
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The id of the running process, None while none runs."""
        return self._process.pid if self._process else None

    async def run(self) -> None:
        """Keep the process running; return once `stop` has ended it."""
        loop = asyncio.get_running_loop()
        delay = 0.0
        while not self._stopping:
            started = loop.time()
            code: int | str
            try:
                code = await self._run_once()
            except OSError as exc:  # too many processes, no memory: it may be possible later
                code = exc.strerror or str(exc)
            if self._stopping:
                return
            log.warning("process.died", extra={"command": self._command, "code": code})
            if loop.time() - started > HEALTHY_SECONDS:
                delay = 0.0
            await asyncio.sleep(delay)
            delay = min(MAX_DELAY_SECONDS, delay * 2 or 0.2)

    async def stop(self) -> None:
        """Ask it to end; kill it when it has not in time."""
        self._stopping = True
        if self._process is None:
            return
        process = self._process
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._stop_seconds):
                await process.wait()
        except TimeoutError:
            log.warning("process.killed", extra={"command": self._command})
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _run_once(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            # -P: a module in the current directory is not taken for one of ours.
            *(sys.executable, "-P", "-m", "buildfeed", self._command),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            # Ctrl-C reaches only this process, which ends the others in the order of the flow.
            start_new_session=True,
        )
        try:
            if self._stopping:  # asked to while it was being started
                await self.stop()
            return await self._process.wait()
        finally:
            self._process = None
