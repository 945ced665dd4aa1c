"""A process that is started again whenever it dies, until it is told to stop."""

import asyncio
import contextlib
import logging
import shutil
import sys
from collections.abc import Mapping, Sequence

HEALTHY_SECONDS = 10.0
"""A process that ran for longer is started again without a delay."""
MAX_DELAY_SECONDS = 5.0
"""Longest delay before a process that dies again and again is started again."""
STOP_SECONDS = 5.0
"""Seconds that a process has to end; then it is killed."""

log = logging.getLogger(__name__)


class Process:
    """`python -m module` with `environment`, supervised."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self._module = module
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
            code = await self._run_once()
            if self._stopping:
                return
            log.warning("process.died", extra={"command": self._module, "code": code})
            if loop.time() - started > HEALTHY_SECONDS:
                delay = 0.0
            await asyncio.sleep(delay)
            delay = min(MAX_DELAY_SECONDS, delay * 2 or 0.2)

    async def _run_once(self) -> int | str:
        """Run the process to its end; return its exit code, or why it could not be started."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_command(self._module),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                # Ctrl-C reaches only this process, which ends the others in the order of the flow.
                start_new_session=True,
            )
        except OSError as exc:  # too many processes, no memory: it may be possible later
            return str(exc)
        if self._stopping:  # asked to while it was being started
            self._process.terminate()
        code = await self._process.wait()
        self._process = None
        return code

    async def stop(self) -> None:
        """Ask it to end; kill it when it has not within 5 s."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            log.warning("process.killed", extra={"command": self._module})
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _command(module: str) -> Sequence[str]:
    command = [sys.executable, "-m", module]
    # Ends the process even when this one is killed, so that none is left on the port.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else command
