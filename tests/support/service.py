"""A `buildfeed` process under test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

T = TypeVar("T")

NOT_INSTALLED = Path(__file__).parent / "not_installed"
"""Modules that hide what only tests need. python-socketio imports them where it finds them, which
is a third of the time in which a gateway starts."""

HTTP = httpx.Client(timeout=10, limits=httpx.Limits(max_keepalive_connections=0), trust_env=False)
"""The client of all tests, as a new one takes 0.1 s of CPU. It uses no proxy of the
environment, and a new connection for each request."""


def until(probe: Callable[[], T], what: str, seconds: float = 20) -> T:
    """Return the first true result of `probe`; fail when there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(0.02)
    raise AssertionError(f"Not within {seconds} s: {what}")


class Service:
    """`buildfeed {command}` with BUILDFEED_… options, its output kept in a file."""

    def __init__(self, command: str, directory: Path, **options: object) -> None:
        self.command = command
        self.options = {"data_dir": directory, "log_level": "info", **options}
        self.output = directory / f"{command}-{id(self):x}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self.stop()

    def start(self) -> None:
        own = {k: v for k, v in os.environ.items() if not k.startswith("BUILDFEED_")}
        told = {f"BUILDFEED_{k.upper()}": str(v) for k, v in self.options.items()}
        paths = filter(None, [str(NOT_INSTALLED), own.get("PYTHONPATH")])
        told["PYTHONPATH"] = os.pathsep.join(paths)
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "buildfeed", self.command],
                env=own | told,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it (SIGKILL), even when it is frozen."""
        assert self._process
        self._process.kill()
        self._process.wait()

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, seconds: float = 15) -> float:
        """End it; return how many seconds it took."""
        assert self._process
        started = time.monotonic()
        self._process.send_signal(with_signal)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command} did not end:\n{self.text}") from None
        return time.monotonic() - started

    def until_logged(self, text: str, seconds: float = 30) -> None:
        try:
            until(lambda: text in self.text, f"{text!r} in the log", seconds)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.text[-4000:]}") from None


class Web(Service):
    """A service that serves the page and the API: `up` or `gateway`."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.options['port']}"

    def until_ready(self, seconds: float = 60) -> Self:
        try:
            until(self._ready, "/readyz", seconds)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.text[-4000:]}") from None
        return self

    @property
    def processes(self) -> list[int]:
        """The processes of a gateway of several that serve (proc(5), `children`)."""
        below = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(each) for each in below.split()]

    def kill_one(self) -> None:
        """Kill one of several processes, and wait until its successor serves."""
        begun = self.text.count("gateway.started")
        os.kill(self.processes[-1], signal.SIGKILL)
        until(lambda: self.text.count("gateway.started") > begun, "a successor", 60)

    def _ready(self) -> bool:
        try:
            return HTTP.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def press_start(self, project: str, **body: Any) -> dict[str, Any]:
        answer = HTTP.post(f"{self.url}/api/projects/{project}/builds", json=body)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return dict(answer.json())

    def press_stop(self, project: str, build: str) -> dict[str, Any]:
        path = f"{self.url}/api/projects/{project}/builds/{build}/stop"
        answer = HTTP.post(path, json={"by": "bob"})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return dict(answer.json())

    def build(self, project: str, build: str) -> dict[str, Any]:
        return dict(HTTP.get(f"{self.url}/api/projects/{project}/builds/{build}").json())

    def until_status(self, project: str, build: str, status: str, seconds: float = 20) -> None:
        found = lambda: self.build(project, build).get("status") == status  # noqa: E731
        until(found, f"{build} is {status}", seconds)
