"""A private RabbitMQ from the installed binary: own directory, ports, user and epmd.

For `buildfeed up --broker rabbitmq` and the tests. It works with RabbitMQ 3.10 and newer, for root
or any other user, beside a RabbitMQ of the system. Linux only: it reads /proc.

A broker is several processes: the server, its helpers, and epmd (Erlang's name server), which
detaches and outlives the server. So they are found by a variable in their environment,
`Instance.mark`, which no other process has. A lock on the directory tells a broker in use from the
leftovers of a crash.
"""

import atexit
import logging
import os
import re
import secrets
import subprocess
import threading
import time
import zlib
from pathlib import Path
from typing import Final

from buildfeed.broker.local import ports
from buildfeed.broker.local.instance import BLOCK, Instance
from buildfeed.broker.local.listener import WEB_SOCKET_PATH
from buildfeed.broker.local.users import User
from buildfeed.errors import BuildfeedError
from buildfeed.machine import marked
from buildfeed.machine.folder import FolderHeld, FolderLock, FolderUnusable, kept, make

log = logging.getLogger(__name__)

BIN: Final = Path("/usr/lib/rabbitmq/bin")
"""The programs, as packages install them. The `rabbitmq-server` on the PATH is another script: it
changes to the user `rabbitmq` and starts the instance of the system."""

_START_SECONDS: Final = 60
"""Seconds that a start may take until clients can connect."""

_STOP_SECONDS: Final = 10
"""Seconds that a process may take to end, before it is killed and after that."""

_LOG_LINES: Final = 12
"""Lines of the log in an error."""


class RabbitMQMissing(BuildfeedError):
    """No RabbitMQ is installed on this machine."""

    def __init__(self) -> None:
        super().__init__("RabbitMQ is not installed: apt-get install rabbitmq-server.")


class RabbitMQFailed(BuildfeedError):
    """The private RabbitMQ failed, for `reason`; `log` has lines of its output."""

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(f"The private RabbitMQ failed: {reason}.{log and chr(10) + log}")
        self.reason = reason
        self.log = log


class PrivateRabbitMQ:
    """A RabbitMQ of our own in `directory`, listening on loopback only.

    The first start takes a block of free ports; for one directory the same block whenever possible.
    Data, user and password stay in the directory, and a later start goes on with them. Not
    thread-safe. It ends when this process exits; if this process is killed, at the next start.
    """

    def __init__(self, directory: Path) -> None:
        directory = Path(os.path.realpath(directory))
        make(directory.parent)
        make(directory)
        self._instance = Instance(directory)
        self.password_file = directory / "password"
        self.user = "buildfeed"
        self.password = kept(self.password_file, secrets.token_urlsafe(16))
        self._owner = User(self.user, self.password)
        self._reader = User.reader(kept(directory / "reader-password", secrets.token_urlsafe(16)))
        self.broker_auth_secret = kept(directory / "broker-auth-secret", secrets.token_urlsafe(24))
        self._console = directory / "log" / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = FolderLock(directory / "lock", "A private RabbitMQ", "end it first")
        self._started = False
        self._given_up = threading.Event()

    @property
    def amqp_port(self) -> int:
        """The port for AMQP clients."""
        return self._instance.port("amqp")

    @property
    def mqtt_port(self) -> int:
        """The port for MQTT clients."""
        return self._instance.port("mqtt")

    @property
    def amqp_url(self) -> str:
        """amqp://user:password@host:port/ for ourselves, from the first start on."""
        return f"amqp://{self._at(self._owner, self.amqp_port)}/"

    @property
    def mqtt_url(self) -> str:
        """mqtt://user:password@host:port for ourselves, from the first start on."""
        return f"mqtt://{self._at(self._owner, self.mqtt_port)}"

    @property
    def reader_amqp_url(self) -> str:
        """The same for subscribers, which may publish nothing."""
        return f"amqp://{self._at(self._reader, self.amqp_port)}/"

    @property
    def reader_mqtt_url(self) -> str:
        """The same for subscribers, which may publish nothing."""
        return f"mqtt://{self._at(self._reader, self.mqtt_port)}"

    @property
    def web_socket_port(self) -> int:
        """The port for clients of MQTT over WebSocket."""
        return self._instance.port("web_mqtt")

    @property
    def reader_web_socket_url(self) -> str:
        """ws://user:password@host:port/path of MQTT over WebSocket, for subscribers."""
        return f"ws://{self._at(self._reader, self.web_socket_port)}{WEB_SOCKET_PATH}"

    @property
    def public_urls(self) -> tuple[str, ...]:
        """Where clients of MQTT reach it, without a login."""
        at = ports.LOOPBACK
        return (
            f"mqtt://{at}:{self.mqtt_port}",
            f"ws://{at}:{self.web_socket_port}{WEB_SOCKET_PATH}",
        )

    @property
    def broker_auth(self) -> str:
        """HOST:PORT where it asks the gateway about logins, by paths with `broker_auth_secret`."""
        return self._instance.broker_auth

    @property
    def management_url(self) -> str:
        """http://user:password@host:port of its management API, from the first start on."""
        return f"http://{self._at(self._owner, self._instance.port('management'))}"

    def _at(self, user: User, port: int) -> str:
        return f"{user.name}:{user.password}@{ports.LOOPBACK}:{port}"

    def start(self) -> None:
        """Return once clients of AMQP, MQTT, and MQTT over WebSocket can connect.

        Processes that a crashed run left in this directory are ended first. Raises RabbitMQMissing,
        FolderUnusable, or RabbitMQFailed with lines of the log, e.g. when clients cannot connect
        after 60 s.
        """
        version = _version()
        began = time.monotonic()
        self._take_directory()
        atexit.register(self.stop)
        self._started = True
        try:
            self._end_leftovers()
            self._configure(version)
            self._launch()
            self._wait(began + _START_SECONDS)
        except BaseException as exc:
            self.kill()
            self.stop()
            if isinstance(exc, OSError):
                raise FolderUnusable(self._instance.directory, exc.strerror or str(exc)) from exc
            raise
        seconds = round(time.monotonic() - began, 1)
        log.info("rabbitmq.up", extra={"version": "{}.{}".format(*version), "seconds": seconds})

    @property
    def mark(self) -> str:
        """The variable, NAME=value, that is in the environment of its processes only."""
        return self._instance.mark

    @property
    def alive(self) -> bool:
        """False when the server has ended, by itself or by somebody else."""
        return self._process is not None and self._process.poll() is None

    def give_up(self) -> None:
        """Have a `start` in another thread fail at once, with RabbitMQFailed."""
        self._given_up.set()

    def stop(self) -> None:
        """End it, by force if it takes longer than 10 s; leaves no process behind."""
        if not self._started:
            return  # or the broker in this directory is another process's
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                log.warning("rabbitmq.stuck")
                self.kill()
        self._process = None
        self._end_leftovers()
        atexit.unregister(self.stop)
        self._lock.release()
        self._started = False

    def kill(self) -> None:
        """Crash the server (SIGKILL); the next `start` or `stop` cleans up."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _take_directory(self) -> None:
        """Lock the directory; raise RabbitMQFailed if another process uses the broker in it."""
        try:
            self._lock.take()
        except FolderHeld as exc:
            reason = f"another process, {exc.holder}, has one running in this directory"
            raise RabbitMQFailed(reason) from exc

    def _end_leftovers(self) -> None:
        """End all processes of this directory; epmd is one even after an orderly stop."""
        while left := list(marked.processes(self.mark)):
            if not all(marked.kill(pid) for pid in left):
                raise RabbitMQFailed(f"processes {left} do not end")

    def _configure(self, version: tuple[int, int]) -> None:
        if not self._instance.base:
            self._instance = self._instance.at(_free_ports(self._instance.directory))
        for listener, port in self._instance.ports.items():
            if not ports.is_free(port):
                raise RabbitMQFailed(f"port {port} ({listener}) is in use")
        directory = self._instance.directory
        for name in ("home", "log", "mnesia"):
            make(directory / name)
        # Erlang's own can be guessed.
        kept(directory / "home" / ".erlang.cookie", secrets.token_urlsafe(16))
        users = self._owner, self._reader
        salt, secret = secrets.token_bytes(4), self.broker_auth_secret
        files = self._instance.files(version, users, salt, secret)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")

    def _launch(self) -> None:
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program without arguments
                [BIN / "rabbitmq-server"],
                env=self._instance.environment(),
                cwd=self._instance.directory,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # else Ctrl-C would end it too
                umask=0o077,
            )

    def _wait(self, deadline: float) -> None:
        # The exit code says nothing: 3.10 ends with 0 when its configuration is wrong.
        while not all(map(ports.accepts, (self.amqp_port, self.mqtt_port, self.web_socket_port))):
            if self._given_up.is_set():
                raise RabbitMQFailed("it was told to stop while it started")
            if self._process and self._process.poll() is not None:
                raise RabbitMQFailed("it ended while it started", self._log_excerpt())
            if time.monotonic() > deadline:
                raise RabbitMQFailed("it did not start in time", self._log_excerpt())
            time.sleep(0.05)

    def _log_excerpt(self) -> str:
        """Return the first errors in its output, or the last lines if it has no errors."""
        lines = self._console.read_text("utf-8", "replace").splitlines()
        errors = [line for line in lines if "[error]" in line][:_LOG_LINES]
        return "\n".join(errors or lines[-_LOG_LINES:])


def _version() -> tuple[int, int]:
    """Return major and minor version of the installed RabbitMQ; raise RabbitMQMissing."""
    home = (BIN / "rabbitmq-server").resolve().parent.parent
    for path in home.glob("plugins/rabbit-*"):
        if found := re.match(r"rabbit-(\d+)\.(\d+)\.", path.name):
            return int(found[1]), int(found[2])
    raise RabbitMQMissing


def _free_ports(directory: Path) -> int:
    """Return the first of `BLOCK` free ports; for one directory the same while they are free."""
    base = ports.free_block(BLOCK, zlib.crc32(os.fsencode(directory)))
    if base is None:
        raise RabbitMQFailed(f"no {BLOCK} free ports in a row")
    return base
