"""`buildfeed tail`, `start` and `stop` beside an `up` where everybody needs a token."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from buildfeed.broker.local import ports
from buildfeed.cli import here
from support.packages import ROOT
from support.people import People
from support.service import Web, until
from support.typist import PROMPT, Typist

SECONDS = 60
LONG = {"seconds": 60, "steps": 120}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = ports.free_block(2, os.getpid()) or 0
    folder = tmp_path_factory.mktemp("terminal") / here.FOLDER
    folder.mkdir()
    with Web("up", folder, port=port, mqtt_port=port + 1, anonymous="none") as up:
        yield up.until_ready()


@pytest.fixture(scope="module")
def people(up: Web) -> Iterator[People]:
    people = People(up)
    yield people
    people.stop_all()


@pytest.fixture(scope="module")
def ada(up: Web, people: People, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody whose token is in her own file."""
    home = tmp_path_factory.mktemp("ada")
    file = home / ".config" / "buildfeed" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'url = "{up.url}"\ntoken = "{people.token("ada", "builder@*")}"\n')
    file.chmod(0o600)
    return {**stranger(), "HOME": str(home)}


def stranger() -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith(("BUILDFEED_", "XDG_CONFIG"))}
    return own | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "120"}


def begun(up: Web, own: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    """Begin a command beside `up`, in whose folder its address is found."""
    return subprocess.Popen(
        [sys.executable, "-m", "buildfeed", *words],
        cwd=Path(str(up.options["data_dir"])).parent,
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def gateway_of(up: Web) -> int:
    """Return the process of the gateway, which `up` starts again when it dies."""

    def found() -> list[int]:
        return [each for each in up.processes if b"gateway" in command_line(each)]

    return until(found, "a gateway")[0]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def until_said(process: "subprocess.Popen[str]", text: str) -> str:
    """Return what a command says on standard error up to a text."""
    assert process.stderr
    said = ""
    while text not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def rest_of(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return what a command still says on both outputs until it ends.

    `communicate` leaves out what has come together with a line that was read before.
    """
    assert process.stdout
    assert process.stderr
    said = process.stdout.read(), process.stderr.read()
    process.wait(SECONDS)
    return said


def test_a_build_is_followed_through_a_restart_of_the_gateway(
    up: Web, people: People, ada: dict[str, str]
) -> None:
    build = people.start(people.token("first", "builder@*"), "restart", script=LONG)["build"]
    one = f"restart/{build}"
    lines = begun(up, ada, "tail", one, "--wait")
    documents = begun(up, ada, "tail", "restart", "--latest", "--json", "--wait")
    output = begun(up, ada, "tail", one, "--log", "--wait")
    first = [each.stdout.readline() for each in (lines, documents, output) if each.stdout]
    os.kill(gateway_of(up), signal.SIGKILL)
    for each in (lines, documents, output):
        assert "Trying again …" in until_said(each, "Connected again.")
    begun(up, ada, "stop", "restart", build).communicate(timeout=SECONDS)

    told = (first[0] + rest_of(lines)[0]).splitlines()
    assert lines.returncode == 3
    assert len(set(told)) == len(told)
    assert told[-1] == f"restart {build} stopped, by ada"

    said = first[1] + rest_of(documents)[0]
    assert documents.returncode == 3
    bodies = [json.loads(line) for line in said.splitlines()]
    assert [each["seq"] for each in bodies] == sorted(each["seq"] for each in bodies)
    assert (bodies[-1]["build"], bodies[-1]["status"]) == (build, "stopped")

    rest, trouble = rest_of(output)
    said = first[2] + rest
    assert output.returncode == 3
    assert "missing" not in trouble
    recorded = begun(up, ada, "tail", one, "--log", "--wait").communicate(timeout=SECONDS)[0]
    assert said == recorded
    assert len(recorded.splitlines()) > 1


def test_a_start_waits_for_the_end(up: Web, ada: dict[str, str]) -> None:
    start = begun(up, ada, "start", "waits", "--wait")
    assert start.stdout
    build = start.stdout.readline().strip()
    begun(up, ada, "stop", "waits", build).communicate(timeout=SECONDS)
    trouble = rest_of(start)[1]
    assert start.returncode == 3, trouble
    assert f"{up.url}/projects/waits/builds/{build}" in trouble
    assert trouble.splitlines()[-1].startswith(f"waits {build} stopped, by ada")


def test_ctrl_c_ends_the_waiting_and_a_stop_the_build(
    up: Web, people: People, ada: dict[str, str]
) -> None:
    start = begun(up, ada, "start", "stops", "--wait")
    assert start.stdout
    assert start.stderr
    build = start.stdout.readline().strip()
    until(lambda: f"stops {build}" in start.stderr.readline(), "it is followed")
    start.send_signal(signal.SIGINT)
    trouble = rest_of(start)[1]
    assert start.returncode == 130, trouble
    assert f"The build goes on: buildfeed stop stops {build} ends it." in trouble

    waiting = begun(up, ada, "tail", f"stops/{build}", "--wait")
    assert waiting.stdout
    assert "asked to stop" not in waiting.stdout.readline()
    stop = begun(up, ada, "stop", "stops", build)
    said = stop.communicate(timeout=SECONDS)[0]
    assert stop.returncode == 0
    assert said.startswith(f"stops {build} ")
    assert rest_of(waiting)[0].splitlines()[-1].startswith(f"stops {build} stopped, by ada")
    assert waiting.returncode == 3
    again = begun(up, ada, "stop", "stops", build)
    assert "has ended already: stopped" in again.communicate(timeout=SECONDS)[0]
    assert again.returncode == 0


def test_at_a_terminal_a_build_is_a_bar(up: Web, people: People, ada: dict[str, str]) -> None:
    script: dict[str, Any] = {"seconds": 3, "steps": 6, "errors": [50]}
    build = people.start(people.token("bars", "builder@*"), "bars", script=script)["build"]
    with Typist(ada) as typist:
        typist.resize(24, 120)
        typist.run(f"cd {Path(str(up.options['data_dir'])).parent}")
        typist.type(f"{sys.executable} -m buildfeed tail bars --latest --wait; echo code $?\n")
        typist.until("━", SECONDS)
        drawn = typist.until("code 1\r\n", SECONDS)
        typist.until(PROMPT)
    assert f"bars {build}" in drawn
    assert "failed, 1 error" in drawn
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("running")


def test_a_run_takes_its_project_from_a_file_that_only_we_may_write(
    up: Web, people: People, ada: dict[str, str]
) -> None:
    folder = Path(str(up.options["data_dir"])).parent / "elsewhere"
    folder.mkdir()
    file = folder / "buildfeed.toml"
    file.write_text('project = "named"\n')

    def run(mode: int) -> "subprocess.CompletedProcess[str]":
        file.chmod(mode)
        command = [sys.executable, "-m", "buildfeed", "run", "--", "touch", "run"]
        return subprocess.run(
            command, cwd=folder, env=ada, capture_output=True, text=True, timeout=60, check=False
        )

    refused = run(0o666)
    assert refused.returncode == 0
    assert refused.stderr.startswith("buildfeed: nobody sees this build: The file ")
    assert "others may write it" in refused.stderr
    assert (folder / "run").exists()

    assert run(0o644).returncode == 0
    seen = begun(up, ada, "tail", "named", "--latest", "--wait").communicate(timeout=SECONDS)[0]
    assert seen.startswith("named ")
    assert "succeeded" in seen


def test_without_a_token_or_with_a_wrong_one_it_is_one_sentence(up: Web) -> None:
    wrong = {**stranger(), "BUILDFEED_TOKEN": "bf_0123456789abcdefghijklmnopqrstuv"}
    asked = [
        begun(up, own, *words)
        for own in (stranger(), wrong)
        for words in (("tail",), ("start", "acme"), ("stop", "acme", "01a1"))
    ]
    for each in asked:
        said, trouble = each.communicate(timeout=SECONDS)
        assert (each.returncode, said) == (4, "")
        assert trouble.startswith("Error: ")
        assert trouble.count("\n") == 1
