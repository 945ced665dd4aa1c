"""However a command ends, and whenever, nothing stays that it started."""

import os
import pty
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from buildfeed.machine import marked
from gateway.server import _shared_folder
from support.ends import Ending
from support.service import Web, until

STARTED = 1.0
"""Seconds after which a supervisor has a process that outlives it for a moment, and cleans up."""
SIGNALS = ("HUP", "INT", "QUIT", "TERM", "USR1", "ABRT", "KILL")
FreePort = Callable[[], int]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("command", "options", "times", "latest"),
    [
        ("up", {"workers": 2}, 2, 4),
        ("up", {"broker": "rabbitmq"}, 1, 8),
        ("gateway", {"workers": 2}, 2, 3),
    ],
    ids=["up", "rabbitmq", "gateway"],
)
def test_any_signal_at_any_moment(  # noqa: PLR0917 - fixtures
    command: str,
    options: dict[str, object],
    times: int,
    latest: float,
    temporary: Path,
    free_port: FreePort,
    request: pytest.FixtureRequest,
) -> None:
    seed = request.config.getoption("seed")
    random = Random(f"{seed} {command} {options}")
    for time in range(times):
        folder = temporary / f"data {time}"  # another one, so that marks are its own
        folder.mkdir()
        own = {"port": free_port(), "mqtt_port": free_port(), **options}
        if command == "gateway":
            del own["mqtt_port"]
            own["mqtt_url"] = f"mqtt://127.0.0.1:{free_port()}"
        with Web(command, folder, **own) as web:
            ending = Ending(web, temporary)
            name, moment = random.choice(SIGNALS), random.uniform(0, latest)
            ending.run_for(moment)
            whom = ending.strike(signal.Signals[f"SIG{name}"], random)
            ending.run_for(random.uniform(0, 1))
            for number in (signal.SIGTERM, signal.SIGKILL):  # USR1 may have been ignored
                web.send(number)
                ending.run_for(15 if number is signal.SIGTERM else 1)
            if command == "gateway" and name == "KILL" and moment < STARTED:
                with _shared_folder():  # as at the next start: nobody was there yet to clean up
                    pass
            ending.check(f"--seed={seed}: SIG{name} to {whom} after {moment:.2f} s")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("up", {}),
        ("gateway", {"workers": "2"}),
        ("gateway", {}),
        ("fakebuild", {}),
        ("recorder", {}),
    ],
)
def test_a_closed_terminal_ends_it(
    command: str, options: dict[str, str], temporary: Path, free_port: FreePort
) -> None:
    folder = temporary / "data"
    told = {"data_dir": str(folder), **options, "mqtt_url": f"mqtt://127.0.0.1:{free_port()}"}
    if command in ("up", "gateway"):
        told["port"] = str(free_port())
    if command == "up":
        del told["mqtt_url"]
        told["mqtt_port"] = str(free_port())
    environment = os.environ | {f"BUILDFEED_{key.upper()}": value for key, value in told.items()}
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
        os.execve(sys.executable, [sys.executable, "-m", "buildfeed", command], environment)
    text = b""
    ready = {"up": b"ready", "gateway": b"gateway.started", "recorder": b"mqtt.down"}
    while ready.get(command, b"mqtt.down") not in text:
        text += os.read(terminal, 1024)

    os.close(terminal)

    os.waitpid(pid, 0)
    mark = f"BUILDFEED_DATA_DIR={folder}"
    until(lambda: not list(marked.processes(mark)), "nothing is left")
    assert not list(temporary.glob("buildfeed-*"))


def test_nohup_lets_it_go_on(temporary: Path, free_port: FreePort) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        web = Web("up", temporary, port=free_port(), mqtt_port=free_port())
        web.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    web.until_ready()
    web.send(signal.SIGHUP)
    Ending(web, temporary).run_for(0.3)
    web.until_ready()
    assert "Stopping" not in web.text
    web.stop()
