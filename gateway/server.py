"""The processes that serve one port: one alone, or several under uvicorn's supervisor.

Each of several processes listens on the port with a socket of its own (SO_REUSEPORT), so that the
kernel spreads the connections evenly. With one shared socket the process that wakes first takes
every connection that waits: of 1000 watchers that came at once the busiest of 4 processes got 320
to 445, against 258 to 277 this way.

Relied on in uvicorn: the methods of `Multiprocess` that `Supervisor` overrides, its `processes` and
the `child_conn` of each; that it pickles the list of sockets for a new process; `main_loop`,
`on_tick` and `handle_exit` of `Server`, and that a new process makes one by its name in the module
of `Multiprocess`.
"""

import asyncio
import contextlib
import fcntl
import functools
import gc
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import msgspec
import uvicorn
from uvicorn.supervisors import Multiprocess, multiprocess

from buildfeed import listeners
from buildfeed.log import configure
from buildfeed.machine import core_dumps, signals
from buildfeed.machine.folder import temporary
from buildfeed.machine.open_files import raise_limit
from gateway import descriptors
from gateway.operations.loop_lag import HANG_SECONDS
from gateway.settings import MAX_MESSAGE_BYTES, Settings

SHUTDOWN_SECONDS: Final = 3
"""Seconds for requests and watchers that are left after the drain."""
STOP_SECONDS: Final = 10.0
"""Seconds after the drain at which a process that has not ended is killed."""
TICK_SECONDS: Final = 1.0
"""Seconds after which the `Date` of answers is renewed."""
_AGAIN_SECONDS: Final = 0.1
_OF_A_TERMINAL: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_FOLDER: Final = "buildfeed-gateway-"
"""How the names of the folders that processes share begin."""
BACKLOG: Final = 2048
"""Connections that may wait for `accept`: a crowd that comes back at once. The kernel's own limit
(net.core.somaxconn, 4096) may be lower."""
_COLLECT: Final = 10_000, 20, 20
"""Thresholds of the garbage collector: cycles are rare here, and a full collection looks at every
object of thousands of watchers."""

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)


def serve(settings: Settings, log_level: str) -> None:
    """Serve until a signal ends it; SIGHUP replaces several processes one after the other.

    Raises CannotListen, TooFewOpenFiles, and FolderUnusable.
    """
    core_dumps.forbid()
    most = descriptors.fitting(settings.max_connections, raise_limit())
    settings = msgspec.structs.replace(settings, max_connections=most)
    if settings.broker_auth:  # a process listens there later, and tries for ever
        listeners.check(*settings.broker_auth)
    if settings.workers == 1:
        signals.as_terminations()
        sockets = listeners.bind(settings.host, settings.port)
        with contextlib.suppress(KeyboardInterrupt):  # it has stopped in order already
            Server(_config(settings, log_level)).run(sockets)
    else:
        # No signal until the supervisor has its handlers: it would leave the folder behind.
        signal.pthread_sigmask(signal.SIG_BLOCK, signals.ENDING)
        with _shared_folder() as shared:
            settings = msgspec.structs.replace(settings, shared=shared)
            supervisor = Supervisor(_config(settings, log_level), shared, settings.drain_seconds)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ENDING)
            supervisor.run()


@contextlib.contextmanager
def _shared_folder() -> Iterator[Path]:
    """Give a new folder of this process, locked; those of processes that were killed go."""
    for old in temporary().glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError), _locked(old):
            shutil.rmtree(old)
    made = tempfile.TemporaryDirectory(prefix=_FOLDER, ignore_cleanup_errors=True)
    with made as shared, _locked(Path(shared)):
        yield Path(shared)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder; raises OSError when another process has, or it is somebody else's."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)


def _config(settings: Settings, log_level: str) -> uvicorn.Config:
    return uvicorn.Config(
        functools.partial(_create, settings, log_level),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        lifespan="on",  # "auto" takes an error in it for "there is none", and serves without
        backlog=BACKLOG,
        limit_concurrency=None,  # `Clients` has the limits, and an answer that says why
        http="gateway.http.entrance:Entrance",
        loop="gateway.http.listener:Loop",
        ws="gateway.transports.websocket:WatcherSocket",
        ws_per_message_deflate=False,  # costs more CPU than the bytes are worth (1.5 times)
        ws_max_size=MAX_MESSAGE_BYTES,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=round(settings.drain_seconds) + SHUTDOWN_SECONDS,
        timeout_worker_healthcheck=HANG_SECONDS,
        proxy_headers=False,  # `Clients` knows which proxies are trusted
        access_log=False,
        server_header=False,
        log_config=None,
        log_level="warning",
    )


class Server(uvicorn.Server):
    """A server that a signal wakes.

    uvicorn's looks every 0.1 s whether one has come: a third of the wake-ups of a process that has
    nothing to do.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._wake: Callable[[], object] | None = None

    async def main_loop(self) -> None:
        """Return when a signal has asked for the end."""
        woken = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await woken.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ask for the end (signal.signal)."""
        super().handle_exit(sig, frame)
        if self._wake:
            self._wake()


multiprocess.Server = Server  # type: ignore[attr-defined] # which has no other way to be told


class Supervisor(Multiprocess):
    """Asks each process every half second, and replaces one that does not answer.

    A process whose application fails to start ends them all: the next would fail the same way.
    """

    def __init__(self, config: uvicorn.Config, shared: Path, drain_seconds: float) -> None:
        listeners.check(config.host, config.port)  # another program may have the port
        super().__init__(config, _Listeners(config.host, config.port))
        # Even while no process listens.
        self._reserved = listeners.bind(config.host, config.port, shared=True)
        self._shared = shared
        self._terminal_closed = signals.terminal_watch()
        self._stop_seconds = drain_seconds + STOP_SECONDS

    def keep_subprocess_alive(self) -> None:
        """Replace processes that have died or hang, and log it."""
        with contextlib.suppress(OSError):  # something may have cleaned the temporary files
            self._shared.mkdir(mode=0o700, exist_ok=True)
        with _deaf_children():
            self._replace()

    def _replace(self) -> None:
        for each in self.processes:
            # The end of the pipe that is theirs: while it is open here too, a ping to a process
            # that dies would wait for ever.
            each.child_conn.close()
        before = self.processes[:]
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            if old is not new:
                facts = {"pid": old.pid, "code": old.exitcode, "successor": new.pid}
                log.warning("gateway.process_died", extra=facts)

    def init_processes(self) -> None:
        """Start the processes."""
        with _deaf_children():
            super().init_processes()

    def restart_all(self) -> None:
        """Replace the processes one after the other."""
        with _deaf_children():
            super().restart_all()

    def handle_hup(self) -> None:
        """Replace the processes, or stop when it was the terminal that was closed."""
        if self._terminal_closed():
            self.handle_term()
        else:
            super().handle_hup()

    def handle_quit(self) -> None:
        """Stop."""
        self.handle_term()

    def join_all(self) -> None:
        """Wait until all processes have ended; kill those that do not."""
        deadline = time.monotonic() + self._stop_seconds
        for each in self.processes:
            each.process.join(max(0.0, deadline - time.monotonic()))
            if each.process.is_alive():
                log.warning("gateway.process_killed", extra={"pid": each.pid})
                each.process.kill()
                each.process.join()


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """Have processes that are started here never hear what a terminal sends to all of them.

    The supervisor hears it, and ends them by SIGTERM. A process inherits which signals are blocked;
    those that come to this one meanwhile wait.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _OF_A_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_A_TERMINAL)


class _Listeners(list[socket.socket]):
    """The sockets of a new process, which are made there.

    uvicorn pickles its list of sockets for each new process. Pickled, this becomes a call of
    `_listeners`, so that every process gets a socket of its own instead of a copy of one.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._address = host, port

    def __reduce__(self) -> tuple[Callable[[str, int], list[socket.socket]], tuple[str, int]]:
        return _listeners, self._address


def _listeners(host: str, port: int) -> list[socket.socket]:
    return listeners.bind(host, port, shared=True)


def _create(settings: Settings, log_level: str) -> "ASGIApp":
    """Return the application of this process, which may be one of several.

    Its modules are imported here and not above: on a busy machine that takes seconds, in which
    a process that is new must answer the supervisor already.
    """
    from gateway import app  # noqa: PLC0415

    gc.freeze()  # modules stay, so no collection need look at them
    gc.set_threshold(*_COLLECT)
    if (parent := multiprocessing.parent_process()) and settings.shared:
        configure(log_level)
        threading.Thread(target=_end_with, args=[parent, settings.shared], daemon=True).start()
    return app.create(settings)


def _end_with(parent: BaseProcess, shared: Path) -> None:
    """Stop when the supervisor is killed: neither process nor folder stays."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    while shared.exists():  # another process may be writing into it
        shutil.rmtree(shared, ignore_errors=True)
        time.sleep(_AGAIN_SECONDS)
