"""Commands that are run in our place by pipes, as real processes: what others see of it is the
same as without us, and nothing is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from buildfeed.machine import marked
from buildfeed.runner.command import Command
from buildfeed.runner.exit_code import of_shell
from buildfeed.runner.guarded import CannotRun
from support.packages import ROOT

IN_PLACE = ROOT / "tests/support/in_place.py"
PYTHON = sys.executable

MARK = f"BUILDFEED_TEST_RUN={os.getpid()}"
"""Which processes are of these tests."""


def own_environment(**more: str) -> dict[str, str]:
    name, _, value = MARK.partition("=")
    return {**os.environ, "PYTHONPATH": str(ROOT), name: value, **more}


def in_place(*arguments: str | Path) -> list[str]:
    """Return the command that runs another in its place."""
    return [PYTHON, str(IN_PLACE), *map(str, arguments)]


def run(*arguments: str, **options: object) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # noqa: PLW1510 - among the options
        in_place(*arguments),
        **{
            "capture_output": True,
            "timeout": 60,
            "env": own_environment(),
            "check": False,
            **options,
        },
    )


def waits_for_a_file(path: Path) -> str:
    return f"until test -e {path}; do sleep 0.02; done"


@pytest.fixture(autouse=True)
def nothing_is_left(eventually: Callable[..., None]) -> Iterator[None]:
    yield
    for pid in marked.processes(MARK):
        marked.kill(pid)
    eventually(lambda: not list(marked.processes(MARK)))


class Heard:
    """What a command wrote, as its reader gets it."""

    def __init__(self) -> None:
        self.chunks: list[tuple[bytes, int]] = []

    def __call__(self, data: bytes, stream: int) -> None:
        self.chunks.append((data, stream))

    def of(self, stream: int) -> bytes:
        return b"".join(data for data, number in self.chunks if number == stream)


def job(
    script: str, heard: Callable[[bytes, int], None] | None = None, **options: object
) -> Command:
    """Start a shell script as a worker does."""
    command = Command(
        ["sh", "-c", script],
        **{
            "directory": None,
            "environment": own_environment(),
            "output": heard or Heard(),
            "shown": False,
            **options,
        },
    )
    command.start()
    return command


# What passes through


def test_output_input_and_exit_code_are_those_of_the_command() -> None:
    done = run("sh", "-c", "cat; echo wrong >&2; exit 3", input=b"typed")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"typed", b"wrong\n")


def test_every_byte_passes_through_unchanged_and_is_heard(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096 + b"\xff\0\r\x1b" + b"x" * 10_000_000
    (tmp_path / "data").write_bytes(data)
    done = run("cat", str(tmp_path / "data"), env=own_environment(SEEN=str(tmp_path / "seen")))
    assert done.stdout == data
    assert (tmp_path / "seen").read_bytes() == data


def test_two_streams_keep_their_order_where_we_have_one_for_both() -> None:
    script = "for n in 1 2 3 4 5 6 7 8 9; do echo out $n; echo err $n >&2; done"
    done = run("sh", "-c", script, capture_output=False, stdout=-1, stderr=subprocess.STDOUT)
    assert done.stdout == b"".join(b"out %d\nerr %d\n" % (n, n) for n in range(1, 10))


def test_two_streams_are_told_apart_and_kept_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    script = "for n in 1 2 3; do echo out $n; sleep 0.05; echo err $n >&2; sleep 0.05; done"
    assert job(script, heard, shown=True).wait(30) == 0
    assert heard.chunks == [
        chunk for n in (1, 2, 3) for chunk in ((b"out %d\n" % n, 1), (b"err %d\n" % n, 2))
    ]
    assert capfd.readouterr() == ("out 1\nout 2\nout 3\n", "err 1\nerr 2\nerr 3\n")


def test_output_to_a_file_is_appended_to_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    with path.open("ab") as file:
        run("sh", "-c", "echo a; echo b >&2", capture_output=False, stdout=file, stderr=file)
    assert path.read_bytes() == b"before\na\nb\n"


def test_the_command_inherits_what_our_caller_left_open() -> None:
    ours, its_own = os.pipe()
    run(
        "sh", "-c", f"echo told > /proc/self/fd/{its_own}", pass_fds=[its_own], capture_output=False
    )
    os.close(its_own)
    assert os.read(ours, 100) == b"told\n"
    os.close(ours)


def test_the_command_has_nothing_open_that_is_ours() -> None:
    bare = subprocess.run(["ls", "/proc/self/fd"], capture_output=True, check=True).stdout
    assert run("ls", "/proc/self/fd").stdout == bare


@pytest.mark.parametrize("given", [{}, {"LC_ALL": "C"}, {"A": "é=\n", "B": ""}])
def test_its_environment_is_ours(given: dict[str, str]) -> None:
    own = given | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    bare = subprocess.run(["env", "-0"], env=own, capture_output=True, check=True).stdout
    assert run("env", "-0", env=own).stdout == bare


def test_its_signals_are_as_without_us() -> None:
    lines = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"
    for prefix in ("", "trap '' INT HUP USR1; "):
        bare, ours = (
            subprocess.run(["sh", "-c", f"{prefix}exec {each}"], capture_output=True, check=True)
            for each in (lines, f"{' '.join(in_place())} {lines}")
        )
        assert ours.stdout == bare.stdout


# How it ends


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGSEGV])
def test_we_end_by_the_signal_that_ended_the_command(number: int) -> None:
    assert run("sh", "-c", f"kill -{number} $$").returncode == -number
    shell = subprocess.run(
        [*("sh", "-c", '"$@"; exit $?', "sh"), *in_place("sh", "-c", f"kill -{number} $$")],
        env=own_environment(),
        check=False,
    )
    assert shell.returncode == 128 + number == of_shell(-number)


def test_a_command_that_is_not_there_is_127(tmp_path: Path) -> None:
    for name in ("no-such-command", str(tmp_path / "no"), ""):
        done = run(name)
        assert done.returncode == 127
        assert done.stderr == f"{name!r} cannot be run: there is no such command.\n".encode()


def test_a_command_that_may_not_be_run_is_126(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("echo a")
    done = run(str(tmp_path / "text"))
    assert done.returncode == 126
    assert done.stderr.endswith(b"cannot be run: Permission denied.\n")
    assert run(str(tmp_path)).returncode == 126


def test_a_script_that_names_no_interpreter_is_one_of_the_shell(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $0 $1")
    script.chmod(0o755)
    assert run(str(script), "a b").stdout == f"{script} a b\n".encode()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=f"its directory '{tmp_path}/no': No such file") as caught:
        job("true", directory=tmp_path / "no")
    assert caught.value.exit_code == 126


def test_a_process_that_keeps_the_streams_open_is_not_waited_for_and_lives() -> None:
    before = time.monotonic()
    done = run("sh", "-c", "sleep 60 & echo $!; exit 4")
    assert time.monotonic() - before < 10
    assert done.returncode == 4
    os.kill(int(done.stdout), signal.SIGKILL)


def test_a_process_that_writes_for_ever_is_not_waited_for() -> None:
    heard = Heard()
    command = job("yes & exit 4", heard)
    assert command.wait(10) == 4


def test_all_that_was_written_before_the_end_passes_through_to_a_slow_reader(
    tmp_path: Path,
) -> None:
    script = f"head -c 131072 /dev/zero; sleep 60 & echo $! > {tmp_path}/pid; touch {tmp_path}/done"
    with subprocess.Popen(
        in_place("sh", "-c", script), stdout=subprocess.PIPE, env=own_environment()
    ) as process:
        assert process.stdout
        while not (tmp_path / "done").exists():
            time.sleep(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)  # longer than others are waited for
        assert len(process.stdout.read()) == 131072
        assert process.wait(10) == 0


def test_a_reader_that_goes_away_ends_the_command_as_it_would_without_us(tmp_path: Path) -> None:
    script = f"yes; echo $? > {tmp_path}/code"
    command = f"{' '.join(in_place())} sh -c '{script}' | head -1"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        timeout=30,
        check=False,
        env=own_environment(),
    )
    assert done.stdout == b"y\n0\n"
    assert (tmp_path / "code").read_text() == "141\n"
    assert done.stderr == b""


# Stopping


def test_a_stop_ends_every_process_also_in_other_sessions() -> None:
    command = job("setsid sleep 60 & (setsid sh -c 'sleep 60 & sleep 60' &) ; sleep 60")
    while len(list(marked.processes(MARK))) < 7:  # the guardian, three shells, and four that sleep
        assert not command.ended.done()
    command.stop()
    assert command.wait(10) == -signal.SIGTERM
    assert list(marked.processes(MARK)) == []


def test_a_stop_reaches_a_process_that_has_another_environment(tmp_path: Path) -> None:
    command = job(f"env -i setsid sleep 60 & echo $! > {tmp_path}/pid; sleep 60")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert not command.ended.done()
    command.stop()
    assert command.wait(10) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; while :; do sleep 0.1; done"
    command = job(f'setsid sh -c "{stubborn}" & touch {tmp_path}/go; {stubborn}')
    while not (tmp_path / "go").exists():
        time.sleep(0.01)
    command.stop(kill_after=0.2)
    assert command.wait(10) == -signal.SIGKILL
    assert list(marked.processes(MARK)) == []


def test_a_stop_lets_a_command_clean_up_and_is_sent_once(tmp_path: Path) -> None:
    command = job(
        f"trap 'echo stopped >> {tmp_path}/log; sleep 0.2; echo clean; exit 5' INT;"
        f"touch {tmp_path}/go; while :; do sleep 0.05; done",
        heard := Heard(),
    )
    while not (tmp_path / "go").exists():
        time.sleep(0.01)
    command.stop(signal.SIGINT)
    command.stop(signal.SIGINT)
    assert command.wait(10) == 5
    assert (tmp_path / "log").read_text() == "stopped\n"
    assert heard.of(1) == b"clean\n"


def test_a_command_that_is_stopped_by_a_signal_can_be_ended() -> None:
    command = job("kill -STOP $$")
    while "T" not in Path(f"/proc/{command.pid}/stat").read_text().rpartition(")")[2]:
        assert not command.ended.done()
    command.stop()
    assert command.wait(10) == -signal.SIGTERM


def test_a_stop_needs_no_reader_of_ours(tmp_path: Path) -> None:
    with subprocess.Popen(
        in_place("yes"), stdout=subprocess.PIPE, env=own_environment()
    ) as process:
        assert process.stdout
        process.stdout.read(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_for_us_is_for_the_command_once(number: int, tmp_path: Path) -> None:
    script = (
        f"trap 'echo got >> {tmp_path}/log; exit 7' {number}; touch {tmp_path}/go;"
        "while :; do sleep 0.02; done"
    )
    with subprocess.Popen(in_place("sh", "-c", script), env=own_environment()) as process:
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(10) == 7
    assert (tmp_path / "log").read_text() == "got\n"


def test_when_we_are_killed_no_process_stays(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    script = f"trap '' HUP; setsid sleep 60 & nohup sleep 60 & touch {tmp_path}/go; sleep 60"
    with subprocess.Popen(in_place("sh", "-c", script), env=own_environment()) as process:
        eventually(lambda: len(list(marked.processes(MARK))) == 6)
        process.kill()
    eventually(lambda: not list(marked.processes(MARK)))


def test_when_its_guardian_is_killed_a_command_does_not_stay() -> None:
    command = job("sleep 60; true")
    os.kill(command._guarded._guardian.pid, signal.SIGKILL)
    assert command.wait(10) == -signal.SIGKILL
    assert list(marked.processes(MARK)) == []


# Whoever reads


def test_a_reader_that_raises_does_not_fail_the_build(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_data: bytes, _stream: int) -> None:
        raise ValueError("a bug")

    assert job("echo a; sleep 0.05; echo b", broken).wait(10) == 0
    assert [record.message for record in caplog.records] == ["build.output_failed"]


def test_many_lines_a_second_cost_little() -> None:
    script = "i=0; while [ $i -lt 40000 ]; do echo line $i; i=$((i+1)); done"
    heard = Heard()
    used: list[float] = []  # seconds of the thread that passes them on

    def timed(data: bytes, stream: int) -> None:
        heard(data, stream)
        used.append(time.thread_time())

    assert job(script, timed).wait(60) == 0
    assert heard.of(1).count(b"\n") == 40_000
    assert used[-1] - used[0] < 1


def test_memory_is_bounded_while_our_reader_is_slow() -> None:
    with subprocess.Popen(
        in_place("head", "-c", "200M", "/dev/zero"), stdout=subprocess.PIPE, env=own_environment()
    ) as process:
        assert process.stdout
        process.stdout.read(100_000_000)
        status = Path(f"/proc/{process.pid}/status").read_text()
        (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        assert int(peak) < 100_000
        assert len(process.stdout.read()) == 200 * 1024 * 1024 - 100_000_000


# As a worker runs it


async def test_a_worker_waits_without_a_thread_and_limits_the_time() -> None:
    command = await asyncio.to_thread(job, "echo begun; sleep 60", heard := Heard())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await asyncio.shield(asyncio.wrap_future(command.ended))
    command.stop()
    async with asyncio.timeout(10):
        assert await asyncio.wrap_future(command.ended) == -signal.SIGTERM
    assert heard.of(1) == b"begun\n"


async def test_a_waiter_that_gives_up_does_not_disturb_the_command() -> None:
    command = await asyncio.to_thread(job, "sleep 0.3; exit 3")
    waiting = asyncio.wrap_future(command.ended)
    waiting.cancel()
    assert await asyncio.to_thread(command.wait, 10) == 3


def test_a_worker_gives_no_input_and_shows_no_output(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    heard = Heard()
    command = job("cat; pwd; echo error >&2; tty", heard, directory=tmp_path, terminal=True)
    assert command.wait(10) == 1
    assert heard.of(1) == f"{tmp_path}\nerror\nnot a tty\n".encode()
    assert capfd.readouterr() == ("", "")


def test_what_the_command_of_a_worker_leaves_behind_ends_with_it() -> None:
    strays = "sleep 60 & setsid sleep 60 & trap '' TERM; (trap - TERM; exec sleep 60) & exit 4"
    before = time.monotonic()
    assert job(strays).wait(10) == 4
    assert not list(marked.processes(MARK))
    assert time.monotonic() - before < 5


def test_builds_beside_each_other_are_stopped_one_by_one() -> None:
    first, second = job("sleep 60; true"), job("sleep 60; true")
    first.stop()
    assert first.wait(10) == -signal.SIGTERM
    assert not second.ended.done()
    second.stop()
    assert second.wait(10) == -signal.SIGTERM


def test_after_its_end_nothing_is_left_open() -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        command = job("true")
        command.wait(10)
        command.stop()
        command.send(signal.SIGINT)
        command.resize()
        with pytest.raises(CannotRun):
            job("true", directory=Path("/no"))
    assert sorted(Path("/proc/self/fd").iterdir()) == before
