"""`buildfeed run`: a command runs as it would without us, and everybody sees it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from buildfeed.broker.local import ports
from buildfeed.cli import here
from support.packages import ROOT
from support.service import HTTP, Web, until

NINJA = """
for n in 1 2 3 4; do echo "[$n/4] Building x$n.o"; done
echo "src/a.c:3:5: error: no such type" >&2
exit 2
"""
WAITS = "echo begun; while true; do sleep 0.05; done"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = ports.free_block(2, os.getpid()) or 0
    folder = tmp_path_factory.mktemp("run") / here.FOLDER
    folder.mkdir()
    options = {"port": port, "mqtt_port": port + 1}
    with Web("up", folder, **options, no_worker=True) as up:
        yield up.until_ready()


@pytest.fixture
def folder(up: Web, request: pytest.FixtureRequest) -> Path:
    """A folder of a project beside the one of `up`; its name is the project's."""
    name = request.node.name.removeprefix("test_")[:40].replace("_", "-").strip("-")
    folder = Path(str(up.options["data_dir"])).parent / name
    folder.mkdir()
    return folder


def started(folder: Path, *words: str, **more: str) -> "subprocess.Popen[bytes]":
    own = {k: v for k, v in os.environ.items() if not k.startswith("BUILDFEED_")}
    return subprocess.Popen(
        [sys.executable, "-m", "buildfeed", "run", *words],
        cwd=folder,
        env=own | {"PYTHONPATH": str(ROOT)} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def newest(up: Web, project: str) -> dict[str, Any]:
    answer = HTTP.get(f"{up.url}/api/projects/{project}/builds/latest")
    return dict(answer.json()) if answer.status_code == 200 else {}


def read(up: Web, build: dict[str, Any], what: str) -> httpx.Response:
    path = f"/api/projects/{build['project']}/builds/{build['build']}/{what}"
    return HTTP.get(f"{up.url}{path}")


def contents(up: Web, build: dict[str, Any]) -> list[dict[str, Any]]:
    items, after = list[dict[str, Any]](), "0"
    while after:
        page = read(up, build, f"activities?after={after}&kind=log").json()
        items += page["orderedItems"]
        after = page.get("next", "").rpartition("after=")[2].partition("&")[0]
    return items


def output(up: Web, build: dict[str, Any]) -> str:
    return "".join(each["content"] for each in contents(up, build))


def test_a_build_is_seen_with_its_errors_and_its_output(up: Web, folder: Path) -> None:
    run = started(folder, "--title", "nightly", "--", "sh", "-c", NINJA)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 2
    assert out.count(b"\n") == 4
    assert err == b"src/a.c:3:5: error: no such type\n"

    until(lambda: newest(up, folder.name).get("status") == "failed", "the build has failed")
    build = newest(up, folder.name)
    assert (build["title"], build["job"], build["exitCode"]) == ("nightly", "default", 2)
    assert (build["done"], build["total"], build["progress"]) == (4, 4, 100)
    assert (build["errors"], build["error"]) == (1, "src/a.c:3:5: no such type")
    assert "queued" not in {key for key, value in build.items() if value is not None}
    printed = sorted((out + err).splitlines())  # two pipes have no order
    until(lambda: sorted(read(up, build, "log").content.splitlines()) == printed, "it is recorded")
    (error,) = read(up, build, "errors").json()["errors"]
    place = {"file": "src/a.c", "line": 3, "column": 5}
    assert (error["number"], error["source"]) == (1, place)
    overview = HTTP.get(f"{up.url}/api/overview").json()
    assert overview["workers"] == []


def test_somebody_stops_it_on_the_page(up: Web, folder: Path) -> None:
    run = started(folder, "--kill-after", "5", "--", "sh", "-c", WAITS)
    until(lambda: newest(up, folder.name).get("indeterminate"), "the build runs")
    up.press_stop(folder.name, newest(up, folder.name)["build"])
    run.communicate(timeout=30)

    assert run.returncode == -signal.SIGTERM
    until(lambda: newest(up, folder.name)["status"] == "stopped", "the build has stopped")
    assert newest(up, folder.name)["exitCode"] == -signal.SIGTERM


def test_one_that_is_killed_is_lost(up: Web, folder: Path) -> None:
    run = started(folder, "--", "sh", "-c", WAITS)
    until(lambda: newest(up, folder.name).get("status") == "running", "the build runs")
    run.kill()
    run.communicate(timeout=30)  # its command has ended too: the pipes are closed

    until(lambda: newest(up, folder.name)["lost"], "the build is lost")


FLOOD = """
import sys
for i in range(20_000):
    print(f"src/a.c:{i}:5: error: no such type t{i}")
for i in range(300_000):
    print(f"line {i:099}")
print("the last line")
"""


def test_a_flood_is_read_behind_and_its_end_comes_soon(up: Web, folder: Path) -> None:
    """30 MB at once: more than may wait to be read, and more errors than anybody reads."""
    run = started(folder, "--", sys.executable, "-c", FLOOD)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    assert len(out.splitlines()) == 320_001

    until(lambda: newest(up, folder.name).get("status") == "succeeded", "it has ended")
    build = newest(up, folder.name)
    assert build["errors"] > 64
    until(lambda: "the last line\n" in output(up, build), "the end of its output is recorded")
    logs = contents(up, build)
    end = 0
    for each in logs:
        assert each["offset"] >= end
        assert (each["offset"] > end) == each["content"].startswith("[")
        end = each["offset"] + len(each["content"].encode())
    assert abs(end - len(out)) < 10_000  # a line is cut at each gap, and ends there


def test_without_a_broker_it_runs_the_same(tmp_path: Path, up: Web) -> None:
    run = started(tmp_path, "--", "sh", "-c", "echo alone; exit 3")
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (3, b"alone\n")
    assert b"nobody sees this build" in err

    url = f"mqtt://127.0.0.1:{ports.free_block(1, 7)}"
    run = started(tmp_path, "--mqtt-url", url, "--", "sh", "-c", "echo alone; exit 3")
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (3, b"alone\n")
    assert b"has not taken the end of this build: " in err


def test_with_a_token_it_needs_the_role_of_a_runner(up: Web, folder: Path) -> None:
    def told(name: str, grant: str) -> bytes:
        data = ["--data-dir", str(up.options["data_dir"])]
        command = [sys.executable, "-m", "buildfeed", "token", "add", name, grant, *data]
        made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        (token,) = set(re.findall(r"bf_[0-9A-Za-z]+", made.stdout))
        url = f"mqtt://{name}:{token}@127.0.0.1:{up.options['mqtt_port']}"
        run = started(folder, "--", "sh", "-c", "echo [1/2] a", BUILDFEED_MQTT_URL=url)
        return run.communicate(timeout=60)[1]

    assert b"refused" in told("ada", f"viewer@{folder.name}")
    assert not newest(up, folder.name)
    assert told("bob", f"runner@{folder.name}") == b""
    assert newest(up, folder.name)["worker"].startswith("bob-")


def test_a_command_that_is_not_there_is_told_as_a_shell_does(folder: Path) -> None:
    run = started(folder, "--", "no-such-command")
    _, err = run.communicate(timeout=60)
    assert run.returncode == 127
    assert b"no-such-command" in err


def test_what_cannot_be_told_is_refused_before_anything_runs(folder: Path) -> None:
    for wrong in (("--regex", "("), ("--mask", "("), ("--url", "ftp://x"), ("--job", "No Name")):
        run = started(folder, *wrong, "--", "touch", "ran")
        _, err = run.communicate(timeout=60)
        assert run.returncode in (1, 2)
        assert b"Error: " in err
        assert not (folder / "ran").exists()


def test_a_command_line_may_have_any_bytes(up: Web, folder: Path) -> None:
    run = started(folder, "--", "echo", os.fsdecode(b"\xff\xfe"))
    out, _ = run.communicate(timeout=60)
    assert out == b"\xff\xfe\n"
    assert newest(up, folder.name)["title"] == "echo '��'"
