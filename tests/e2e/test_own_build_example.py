"""The example that shows a build of one's own, beside a worker that must leave it alone."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.brokers import Mosquitto
from support.own_builds import mqtt_url, publishing_url
from support.people import People
from support.service import HTTP, Web, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_build.py"
SCRIPT = """
import pathlib, sys, time
print("[1/4] cc main.c", flush=True)
print("main.c:7: error: no such file", flush=True)
print("[2/4] cc other.c", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
print("[4/4] done")
"""


@contextmanager
def shown(
    up: Web, project: str, until_there: Path, url: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run SCRIPT by the example."""
    command = [sys.executable, "-c", SCRIPT, str(until_there)]
    with subprocess.Popen(
        [sys.executable, EXAMPLE, url or publishing_url(up), project, *command],
        stdout=subprocess.PIPE,
    ) as example:
        try:
            yield example
        finally:
            example.kill()
            until_there.touch()  # the command ends, too


def newest(up: Web, project: str) -> dict[str, Any]:
    answer = HTTP.get(f"{up.url}/api/projects/{project}/builds/latest")
    return dict(answer.json()) if answer.status_code == httpx.codes.OK else {}


def until_halfway(up: Web, project: str) -> dict[str, Any]:
    until(lambda: newest(up, project).get("progress") == 50, "half of it is done")
    return newest(up, project)


def workers(up: Web) -> set[str]:
    return {each["worker"] for each in HTTP.get(f"{up.url}/api/overview").json()["workers"]}


def activities(up: Web, build: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"{up.url}/api/projects/{build['project']}/builds/{build['build']}/activities?after=0"
    return list(HTTP.get(path).json()["orderedItems"])


def test_it_shows_a_build_from_its_beginning_to_its_end(up: Web, tmp_path: Path) -> None:
    there = tmp_path / "go on"
    with shown(up, "own-real", there) as example:
        halfway = until_halfway(up, "own-real")
        assert (halfway["status"], halfway["errors"]) == ("running", 1)
        assert halfway["error"] == "main.c:7: error: no such file"
        assert halfway["worker"] in workers(up)
        there.touch()
        assert example.wait(10) == 0
    build = halfway["build"]
    up.until_status("own-real", build, "failed")
    last = newest(up, "own-real")
    assert (last["attempt"], last["progress"], last["errors"]) == (1, 100, 1)
    assert last["worker"] == halfway["worker"]
    until(lambda: halfway["worker"] not in workers(up), "it is no worker any more")
    said = until(lambda: (all_ := activities(up, last))[-1]["type"] == "Update" and all_, "history")
    assert said[0]["type"] == "Accept"
    assert [each["content"] for each in said if each["type"] == "Flag"] == [
        "main.c:7: error: no such file\n"
    ]
    checked = subprocess.run(
        [sys.executable, "-m", "buildfeed", "check"],
        input="\n".join(map(json.dumps, said)).encode(),
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert b"warning" not in checked.stdout


def test_it_hears_a_stop(up: Web, tmp_path: Path) -> None:
    with shown(up, "own-stopped", tmp_path / "never") as example:
        build = until_halfway(up, "own-stopped")["build"]
        asked = up.press_stop("own-stopped", build)
        assert asked["stopping"] or asked["status"] == "stopped"  # the example may be that quick
        assert example.wait(10) == 128 + signal.SIGTERM
    up.until_status("own-stopped", build, "stopped", seconds=5)
    assert newest(up, "own-stopped")["progress"] == 50


def test_it_ends_its_build_when_it_is_ended(up: Web, tmp_path: Path) -> None:
    with shown(up, "own-ended", tmp_path / "never") as example:
        build = until_halfway(up, "own-ended")["build"]
        example.terminate()
        assert example.wait(10) == 128 + signal.SIGTERM
    up.until_status("own-ended", build, "stopped", seconds=5)


@pytest.mark.parametrize("where", ["in the address", "in the environment"])
def test_with_a_token_it_shows_a_build_and_hears_a_stop(
    up: Web, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = project = f"own-token-{len(where)}"
    token = People(up).token(name, f"runner@{project}")
    login = f"{name}:{token}" if where == "in the address" else name
    monkeypatch.setenv("BUILDFEED_TOKEN", token)
    url = re.sub("//(.*@)?", f"//{login}@", mqtt_url(up))
    with shown(up, project, tmp_path / "never", url) as example:
        halfway = until_halfway(up, project)
        assert halfway["worker"].startswith(f"{name}-")
        up.press_stop(project, halfway["build"])
        assert example.wait(10) == 128 + signal.SIGTERM
    up.until_status(project, halfway["build"], "stopped", seconds=5)
    until(lambda: halfway["worker"] not in workers(up), "it is no worker any more")


def test_with_a_token_for_another_project_it_says_so(up: Web) -> None:
    token = People(up).token("elsewhere", "runner@own-elsewhere")
    url = re.sub("//(.*@)?", f"//elsewhere:{token}@", mqtt_url(up))
    refused = "The broker ended the connection: may elsewhere publish?"
    lost = "The broker has not taken the end of the build."
    assert run(url, "sleep", "1") == (0, [refused, lost])


def test_it_returns_what_its_command_returns(up: Web) -> None:
    command = [sys.executable, EXAMPLE, publishing_url(up), "own-status", "sh", "-c", "exit 3"]
    assert subprocess.run(command, check=False).returncode == 3
    until(lambda: newest(up, "own-status").get("status") == "failed", "it has failed")


def test_a_command_that_is_not_there_is_no_build(up: Web) -> None:
    before = workers(up)
    command = [sys.executable, EXAMPLE, publishing_url(up), "own-none", "./not-there"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "./not-there cannot be run: No such file or directory.\n"
    assert newest(up, "own-none") == {}
    until(lambda: workers(up) <= before, "it is no worker any more")


def test_no_worker_takes_it_over_when_it_is_killed(up: Web, tmp_path: Path) -> None:
    with shown(up, "own-killed", tmp_path / "never") as example:
        until_halfway(up, "own-killed")
        example.kill()
        until(lambda: newest(up, "own-killed")["lost"], "nobody runs it")
    seconds = {"seconds": 3, "steps": 3, "errors": []}
    fake = up.press_start("own-other", script=seconds)["build"]
    up.until_status("own-other", fake, "succeeded")
    left = newest(up, "own-killed")
    assert (left["attempt"], left["status"], left["lost"]) == (1, "running", True)
    assert [each["type"] for each in activities(up, left)].count("Accept") == 1


def test_without_arguments_it_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Usage: ")


def run(url: str, *command: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, EXAMPLE, url, "own-refused", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


def test_with_a_login_that_only_reads_it_says_so_once_and_that_the_end_was_not_taken(
    up: Web,
) -> None:
    refused = "The broker ended the connection: may reader publish?"
    lost = "The broker has not taken the end of the build."
    assert run(mqtt_url(up), "sleep", "1") == (0, [refused, lost])


def test_with_a_wrong_password_it_says_that_alone(up: Web) -> None:
    url = re.sub(":[^:]*@", ":wrong@", publishing_url(up))
    for _ in range(10):
        assert run(url, "true") == (1, ["The broker refuses to connect: Not authorized."])


def test_a_broker_that_was_away_at_the_end_gets_it(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    begun, over = tmp_path / "begun", tmp_path / "over"
    wait = f"touch {begun}; until [ -e {over} ]; do sleep 0.1; done"
    command = [sys.executable, EXAMPLE, broker.url, "own-away", "sh", "-c", wait]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as example:
        until(begun.exists, "the command runs")
        broker.stop()
        over.touch()
        time.sleep(1)  # it ends meanwhile
        broker.start()
        _, said = example.communicate(timeout=20)
    broker.stop()
    assert (example.returncode, said.count("\n")) == (0, 1)


def test_without_a_broker_it_says_so(free_port: Callable[[], int]) -> None:
    url = f"mqtt://a:b@127.0.0.1:{free_port()}"
    command = [sys.executable, EXAMPLE, url, "own", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no broker at 127.0.0.1 port ")
    assert done.stderr.count("\n") == 1
