"""The processes that serve one port: one alone, or several under uvicorn's supervisor.

Each of several processes listens on the port with a socket of its own (SO_REUSEPORT), so that the
kernel spreads the connections evenly. With one shared socket the process that wakes first takes
every connection that waits: of 1000 watchers that came at once the busiest of 4 processes got 320
to 445, against 258 to 277 this way.

Relied on in uvicorn: the methods of `Multiprocess` that `Supervisor` overrides, its `processes` and
the `child_conn` of each; and that it pickles the list of sockets for a new process.
"""

import contextlib
import functools
import gc
import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import uvicorn
from uvicorn.supervisors import Multiprocess

from buildfeed import listeners
from buildfeed.log import configure
from gateway import descriptors
from gateway.operations.loop_lag import HANG_SECONDS
from gateway.settings import MAX_MESSAGE_BYTES, Settings

SHUTDOWN_SECONDS: Final = 3
"""Seconds for requests and watchers that are left after the drain."""
STOP_SECONDS: Final = 10.0
"""Seconds after the drain at which a process that has not ended is killed."""
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
    """Serve until SIGTERM or SIGINT; SIGHUP replaces several processes one after the other.

    Raises CannotListen.
    """
    most = descriptors.fitting(settings.max_connections, descriptors.raise_limit())
    settings = msgspec.structs.replace(settings, max_connections=most)
    if settings.workers == 1:
        sockets = listeners.bind(settings.host, settings.port)
        with contextlib.suppress(KeyboardInterrupt):  # it has stopped in order already
            uvicorn.Server(_config(settings, log_level)).run(sockets)
    else:
        with tempfile.TemporaryDirectory(prefix="buildfeed-gateway-") as shared:
            settings = msgspec.structs.replace(settings, shared=Path(shared))
            Supervisor(_config(settings, log_level), settings.drain_seconds).run()


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


class Supervisor(Multiprocess):
    """Asks each process every half second, and replaces one that does not answer.

    A process whose application fails to start ends them all: the next would fail the same way.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        listeners.check(config.host, config.port)  # another program may have the port
        super().__init__(config, _Listeners(config.host, config.port))
        # Even while no process listens.
        self._reserved = listeners.bind(config.host, config.port, shared=True)
        self._stop_seconds = drain_seconds + STOP_SECONDS

    def keep_subprocess_alive(self) -> None:
        """Replace processes that have died or hang, and log it."""
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

    def join_all(self) -> None:
        """Wait until all processes have ended; kill those that do not."""
        deadline = time.monotonic() + self._stop_seconds
        for each in self.processes:
            each.process.join(max(0.0, deadline - time.monotonic()))
            if each.process.is_alive():
                log.warning("gateway.process_killed", extra={"pid": each.pid})
                each.process.kill()
                each.process.join()


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
    if parent := multiprocessing.parent_process():
        configure(log_level)
        threading.Thread(target=_end_with, args=[parent], daemon=True).start()
    return app.create(settings)


def _end_with(parent: BaseProcess) -> None:
    """Stop when the supervisor is killed, so that no process keeps the port."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
