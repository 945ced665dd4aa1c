"""What a worker of jobs promises on every broker: commands that people start."""

import secrets
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from buildfeed.activity import Activity, Source
from buildfeed.machine import marked
from buildfeed.presence import OfferedJob
from buildfeed.projects.runner import ProjectRunner
from buildfeed.runner.jobs import parse
from support.work_site import Site
from support.workshop import Watcher, start, start_job, stop, until

MARK = f"ACME_TEST={secrets.token_hex(8)}"
"""Which processes are of these tests."""

FILE = f"""
[acme.jobs.default]
command = ["sh", "build.sh", "it's one argument"]
directory = "source"
environment = {{ DEPLOY_TOKEN = "very-secret-text" }}
parameters = {{ stage = "^(test|live)$", dry-run = "^[01]$" }}

[acme.jobs.long]
command = ["sh", "-c", "echo attempt $BUILDFEED_ATTEMPT; setsid sleep 60 & sleep 60"]
environment = {{ {MARK.partition("=")[0]} = "{MARK.partition("=")[2]}" }}

[acme.jobs.deaf]
command = ["sh", "-c", "trap 'echo I stay' TERM; echo begun; while :; do sleep 0.05; done"]
environment = {{ {MARK.partition("=")[0]} = "{MARK.partition("=")[2]}" }}

[acme.jobs.limited]
command = ["sh", "-c", "trap 'echo bye; exit 7' TERM; echo begun; while :; do sleep 0.05; done"]
max_seconds = 0.5

[acme.jobs.mistyped]
command = ["./bild.sh"]

[acme.jobs.nowhere]
command = ["true"]
directory = "sources"
"""

BUILD = """
echo "[1/2] $1, $BUILDFEED_PROJECT $BUILDFEED_ATTEMPT, $DEPLOY_TOKEN"
echo "stage=$BUILDFEED_PARAMETER_STAGE dry=$BUILDFEED_PARAMETER_DRY_RUN of worker=$OF_WORKER"
echo "input=$(cat) in $(basename "$PWD")"
env | grep -c MQTT
echo "src/a.c:3:5: error: no such thing" >&2
echo "[2/2] ld" ; sleep 0.3
exit 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/build.sh").write_text(BUILD)
    path = tmp_path / "jobs.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def runner(file: Path) -> ProjectRunner:
    return ProjectRunner(parse(file.read_text(), str(file.parent)), kill_after=0.5)


@pytest.fixture(autouse=True)
def nothing_is_left(eventually: Callable[..., None]) -> Iterator[None]:
    yield
    eventually(lambda: not list(marked.processes(MARK)))


def log(watcher: Watcher, build: Activity, attempt: int = 1) -> str:
    said = [seen for seen in watcher.of(build, "log") if seen.object.attempt == attempt]
    return "".join(str(seen.content) for seen in sorted(said, key=lambda seen: seen.offset or 0))


async def test_a_job_runs_as_the_file_and_the_start_say(
    site: Site,
    watcher: Watcher,
    runner: ProjectRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OF_WORKER", "something")
    monkeypatch.setenv("BUILDFEED_MQTT_URL", site.mqtt_url)
    build = start_job("default", stage="test", **{"dry-run": "1"})
    async with site.work(runner=runner):
        await watcher.send(build)
        ending = (await watcher.until_ended(build)).object
        await until(lambda: "[2/2]" in log(watcher, build))

    accepted = watcher.of(build)[0].object
    assert (accepted.job, accepted.title) == ("default", """sh build.sh 'it'"'"'s one argument'""")
    assert accepted.indeterminate is True
    assert accepted.parameters == {"stage": "test", "dry-run": "1"}
    assert log(watcher, build).splitlines() == [
        "[1/2] it's one argument, acme 1, ***",
        "stage=test dry=1 of worker=",
        "input= in source",
        "0",
        "src/a.c:3:5: error: no such thing",
        "[2/2] ld",
    ]
    (error,) = watcher.of(build, "error")
    assert error.source == Source(file="src/a.c", line=3, column=5)
    assert (ending.status, ending.exit_code, ending.errors) == ("failed", 3, 1)
    assert (ending.done, ending.total, ending.progress, ending.phase) == (2, 2, 100, "ld")


async def test_a_start_that_cannot_be_run_fails_at_once_and_says_why(
    site: Site, watcher: Watcher, runner: ProjectRunner, file: Path
) -> None:
    nowhere = file.parent / "sources"
    others = "default, long, deaf, limited, mistyped, nowhere"
    reasons = [
        (
            start_job("depoy"),
            f"This worker has no job depoy of acme. It has {others}.",
        ),
        (
            start_job("default", stage="prod"),
            "The parameter 'stage' is refused: its value does not match ^(test|live)$.",
        ),
        (
            start_job("long", stage="test"),
            "The parameter 'stage' is refused: the job long has no such parameter; it has none.",
        ),
        (start_job("mistyped"), "'./bild.sh' cannot be run: there is no such command."),
        (
            start_job("nowhere"),
            f"'true' cannot be run: its directory '{nowhere}': No such file or directory.",
        ),
        (start(), "This worker runs the jobs of a file, and no fake builds."),
    ]
    async with site.work(runner=runner) as w1:
        for build, _ in reasons:
            await watcher.send(build)
        for build, reason in reasons:
            ending = (await watcher.until_ended(build)).object
            assert (ending.status, ending.error, ending.errors) == ("failed", reason, 1)
            assert [seen.content for seen in watcher.of(build, "error")] == [reason]
        offered = watcher.presences[w1.name].jobs
    assert offered == runner.jobs
    assert OfferedJob("acme", "default", ("stage", "dry-run")) in runner.jobs


async def test_a_stop_ends_all_processes_of_a_job(
    site: Site, watcher: Watcher, runner: ProjectRunner
) -> None:
    long, deaf = start_job("long"), start_job("deaf")
    async with site.work(runner=runner):
        for build in (long, deaf):
            await watcher.send(build)
            await until(lambda build=build: log(watcher, build))
        assert len(list(marked.processes(MARK))) >= 4
        for build in (long, deaf):
            await watcher.send(stop(watcher.of(build)[0]))
        endings = [(await watcher.until_ended(build)).object for build in (long, deaf)]
        assert not list(marked.processes(MARK))
        await until(lambda: "I stay" in log(watcher, deaf))
    assert [each.status for each in endings] == ["stopped", "stopped"]
    assert [each.exit_code for each in endings] == [-signal.SIGTERM, -signal.SIGKILL]


async def test_a_job_that_takes_too_long_is_ended_and_fails(
    site: Site, watcher: Watcher, runner: ProjectRunner
) -> None:
    build = start_job("limited")
    async with site.work(runner=runner):
        await watcher.send(build)
        ending = (await watcher.until_ended(build)).object
        await until(lambda: "bye" in log(watcher, build))
    assert (ending.status, ending.exit_code) == ("failed", 7)
    assert ending.error == "The build took longer than 0.5 seconds."


async def test_a_worker_that_stops_ends_its_jobs_and_another_begins_them_again(
    site: Site, watcher: Watcher, runner: ProjectRunner
) -> None:
    build = start_job("long")
    async with site.work(runner=runner) as first:
        await watcher.send(build)
        await until(lambda: log(watcher, build))
        await site.until_its_next_attempt_is_2(build)
        await first.stop()
        assert not list(marked.processes(MARK))
    async with site.work(runner=runner):
        await watcher.until_running(build, attempt=2)
        await watcher.send(stop(watcher.of(build)[0]))
        await watcher.until_ended(build)


async def test_the_job_of_a_killed_worker_is_begun_again_and_nothing_of_the_first_is_left(
    site: Site, watcher: Watcher, runner: ProjectRunner, file: Path
) -> None:
    build = start_job("long")
    with site.process("buildfeed.projects", projects=file) as killed:
        await watcher.send(build)
        await until(lambda: log(watcher, build) == "attempt 1\n")
        assert list(marked.processes(MARK))
        killed.signal(signal.SIGKILL)
        await killed.until_ended()
    died = time.monotonic()
    await until(lambda: not list(marked.processes(MARK)))
    assert time.monotonic() - died < 5
    await until(lambda: watcher.presences[killed.name].status == "offline")
    async with site.work(runner=runner):
        await until(lambda: log(watcher, build, attempt=2) == "attempt 2\n")
        await watcher.send(stop(watcher.of(build)[0]))
        assert (await watcher.until_ended(build)).object.attempt == 2
