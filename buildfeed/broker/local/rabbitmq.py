"""A private RabbitMQ from the installed binary: own directory, ports, user and epmd.

For `buildfeed up --broker rabbitmq` and the tests. It works with RabbitMQ 3.10 and newer, for root
or any other user, beside a RabbitMQ of the system. Linux only: it reads /proc.

A broker is several processes: the server, its helpers, and epmd (Erlang's name server), which
detaches and outlives the server. So they are found by a variable in their environment,
`Instance.mark`, which no other process has. A lock on a file in the directory tells a broker in use
from the leftovers of a crash: the kernel releases it when its holder dies.
"""

import atexit
import fcntl
import logging
import os
import re
import secrets
import select
import signal
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

from buildfeed.broker.local import ports
from buildfeed.broker.local.instance import BLOCK, Instance
from buildfeed.broker.local.users import User
from buildfeed.errors import BuildfeedError

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
        directory = directory.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        self._instance = Instance(directory)
        self.password_file = directory / "password"
        self.user = "buildfeed"
        self.password = _secret(self.password_file)
        self._owner = User(self.user, self.password)
        self._reader = User.reader(_secret(directory / "reader-password"))
        self._console = directory / "log" / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: TextIO | None = None

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

    def _at(self, user: User, port: int) -> str:
        return f"{user.name}:{user.password}@{ports.LOOPBACK}:{port}"

    def start(self) -> None:
        """Return once AMQP and MQTT clients can connect.

        Processes that a crashed run left in this directory are ended first. Raises RabbitMQMissing,
        or RabbitMQFailed with lines of the log, e.g. when clients cannot connect after 60 s.
        """
        version = _version()
        began = time.monotonic()
        self._take_directory()
        atexit.register(self.stop)
        try:
            self._end_leftovers()
            self._configure(version)
            self._launch()
            self._wait(began + _START_SECONDS)
        except BaseException:
            self.kill()
            self.stop()
            raise
        seconds = round(time.monotonic() - began, 1)
        log.info("rabbitmq.up", extra={"version": "{}.{}".format(*version), "seconds": seconds})

    def stop(self) -> None:
        """End it, by force if it takes longer than 10 s; leaves no process behind."""
        if not self._lock:
            return  # not started, or the broker in this directory is another process's
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
        self._lock.close()
        self._lock = None

    def kill(self) -> None:
        """Crash the server (SIGKILL); the next `start` or `stop` cleans up."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _take_directory(self) -> None:
        """Lock the directory; raise RabbitMQFailed if another process uses the broker in it."""
        if self._lock:
            return
        lock = (self._instance.directory / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when this process dies
        except OSError as exc:
            lock.close()
            raise RabbitMQFailed("another process has one running in this directory") from exc
        self._lock = lock

    def _end_leftovers(self) -> None:
        """End all processes of this directory; epmd is one even after an orderly stop."""
        while left := list(_processes(self._instance.mark)):
            if not all(_kill_process(pid) for pid in left):
                raise RabbitMQFailed(f"processes {left} do not end")

    def _configure(self, version: tuple[int, int]) -> None:
        if not self._instance.base:
            self._instance = self._instance.at(_free_ports(self._instance.directory))
        for listener, port in self._instance.ports.items():
            if not ports.is_free(port):
                raise RabbitMQFailed(f"port {port} ({listener}) is in use")
        directory = self._instance.directory
        for name in ("home", "log", "mnesia"):
            (directory / name).mkdir(exist_ok=True)
        _secret(directory / "home" / ".erlang.cookie")  # Erlang's own can be guessed
        users = self._owner, self._reader
        files = self._instance.files(version, users, secrets.token_bytes(4))
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
        while not (ports.accepts(self.amqp_port) and ports.accepts(self.mqtt_port)):
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


def _secret(path: Path) -> str:
    """Return the secret in the file `path`; make file and secret the first time."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(16))
    return path.read_text()


def _processes(mark: str) -> Iterator[int]:
    """Yield the pids of the processes with `mark`, NAME=value, in their environment."""
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is another user's
            if os.fsencode(mark) in environ.read_bytes().split(b"\0"):
                yield int(environ.parent.name)


def _kill_process(pid: int) -> bool:
    """Kill a process and wait for its end, when its ports are free; False after 10 s."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        ended = select.poll()  # `select` takes no descriptor above 1023
        ended.register(process, select.POLLIN)
        return bool(ended.poll(_STOP_SECONDS * 1000))
    finally:
        os.close(process)
