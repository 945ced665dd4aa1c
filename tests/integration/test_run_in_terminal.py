"""Commands that are run in our place at a terminal, below a shell, as a person types them."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from buildfeed.machine import marked
from support.packages import ROOT
from support.service import until
from support.typist import Typist

US = sys.executable, f"{ROOT}/tests/support/in_place.py"
RUN = " ".join(US)
MARK = f"BUILDFEED_TEST_TERMINAL={os.getpid()}"

UNTIL = "while :; do sleep 0.02; done"


@pytest.fixture
def typist(tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Typist]:
    name, _, value = MARK.partition("=")
    own = {**os.environ, "PYTHONPATH": str(ROOT), "SEEN": str(tmp_path / "seen"), name: value}
    with Typist(own) as typist:
        yield typist
    for pid in marked.processes(MARK):
        marked.kill(pid)
    eventually(lambda: not list(marked.processes(MARK)))


def process(*beginning: str) -> int:
    """Return the id of the process whose command line begins so, once there is one alone.

    Between fork and exec two have the same.
    """
    wanted = "\0".join(beginning).encode()
    found: list[int] = []

    def is_alone() -> bool:
        found[:] = [pid for pid in marked.processes(MARK) if command_line(pid).startswith(wanted)]
        return len(found) == 1

    until(is_alone, f"one process {beginning}")
    return found[0]


def command_line(pid: int) -> bytes:
    with suppress(OSError):  # it has ended
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def field(pid: int, number: int) -> str:
    """Return a field of /proc/PID/stat, as proc(5) counts them from 1."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[number - 3]


STATE, PARENT = 3, 4


def test_the_command_has_a_terminal_like_ours(typist: Typist, tmp_path: Path) -> None:
    typist.resize(33, 77)
    typist.run("stty -ixany -echoctl erase ^H")
    bare = typist.run("stty -a")
    assert typist.run(f"{RUN} stty -a") == bare
    assert (tmp_path / "seen").read_bytes() == bare.encode()
    said = typist.run(f"{RUN} sh -c 'test -t 0 && test -t 1 && test -t 2 && echo yes > /dev/tty'")
    assert said == "yes\r\n"
    assert typist.run("stty -a") == bare


def test_a_new_size_of_the_window_reaches_the_command(typist: Typist) -> None:
    typist.type(f"{RUN} sh -c 'trap \"stty size; exit\" WINCH; echo wai''ts; {UNTIL}'\n")
    typist.until("waits\r\n")
    typist.resize(44, 99)
    assert "44 99\r\n" in typist.until("PROMPT")


def test_what_is_typed_reaches_the_command(typist: Typist) -> None:
    typist.type(f"{RUN} cat\n")
    typist.until("cat\r\n")
    typist.type("hello\n")
    typist.until("hello\r\nhello\r\n")
    typist.type("\x04")
    typist.until("PROMPT")


def test_ctrl_c_ends_the_command_and_us_by_the_signal(typist: Typist) -> None:
    # Without exec, a signal between the fork and the exec of `sleep` may end neither it nor dash,
    # also without us: one in several hundred.
    typist.type(f"{RUN} sh -c 'echo wai''ts; exec sleep 60'; echo not here\n")
    typist.until("waits\r\n")
    typist.type("\x03")
    assert "not here" not in typist.until("PROMPT")
    assert typist.run("echo $?") == "130\r\n"


@pytest.mark.parametrize("pipe", ["", " | cat", " < /dev/null"])
def test_a_command_that_handles_ctrl_c_gets_it_once(
    typist: Typist, pipe: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    script = (
        f"trap \"echo got >> {log}\" INT; echo wai''ts;"
        f"until test -s {log}; do sleep 0.02; done; sleep 0.3; echo on"
    )
    typist.type(f"{RUN} sh -c '{script}'{pipe}\n")
    typist.until("waits")
    typist.type("\x03")
    if pipe != " | cat":  # cat is ended by the same key
        typist.until("on\r")
    typist.until("PROMPT")
    assert log.read_text() == "got\n"


@pytest.mark.parametrize("pipe", ["", " | cat", " < /dev/null"])
def test_ctrl_z_stops_and_fg_continues_us_and_the_command(
    typist: Typist, pipe: str, tmp_path: Path
) -> None:
    bare = typist.modes
    os.mkfifo(tmp_path / "go")
    # No process begins here: between fork and exec a stop would hang the shell, also without us.
    script = f"echo wai''ts; read x < {tmp_path}/go; echo do''ne"
    typist.type(f"{RUN} sh -c '{script}'{pipe}\n")
    typist.until("waits")
    typist.type("\x1a")
    typist.until("Stopped")
    typist.until("PROMPT> ")
    assert typist.modes == bare
    assert [field(process(*each), STATE) for each in (US, ("sh", "-c", "echo wai"))] == ["T", "T"]
    typist.type("fg\n")
    (tmp_path / "go").write_text("go\n")
    typist.until("done\r")
    typist.until("PROMPT> ")
    assert typist.run("echo $?") == "0\r\n"
    assert typist.modes == bare


def test_keys_are_for_the_command_again_after_fg(
    typist: Typist, eventually: Callable[..., None]
) -> None:
    bare = typist.modes
    typist.type(f"{RUN} cat\n")
    for word in ("one", "two", "three"):
        typist.until("cat\r\n")
        eventually(lambda: typist.modes != bare)  # until then keys are the shell's
        typist.type(f"{word}\n")
        typist.until(f"{word}\r\n{word}\r\n")
        typist.type("\x1a")
        typist.until("PROMPT> ")
        typist.type("fg\n")
    typist.until("cat\r\n")
    eventually(lambda: typist.modes != bare)
    typist.type("\x04")
    typist.until("PROMPT> ")


def test_ctrl_z_stops_nothing_where_no_shell_could_continue_it(
    typist: Typist, eventually: Callable[..., None]
) -> None:
    bare = typist.modes
    typist.type(f"exec {RUN} cat\n")  # as the first process of a container
    typist.until("cat\r\n")
    eventually(lambda: typist.modes != bare)
    for word in ("one", "two"):
        typist.type(f"{word}\n")
        typist.until(f"{word}\r\n{word}\r\n")
        typist.type("\x1a")
        typist.until("^Z")
    typist.type("\x03")


def test_in_the_background_the_keyboard_is_the_shells(typist: Typist, tmp_path: Path) -> None:
    typist.type(f"{RUN} sh -c 'echo beg''ins; cat' &\n")
    typist.until("begins")
    typist.type("echo mi''ne\n")
    typist.until("mine\r\n")
    typist.until("PROMPT> ")
    typist.type("fg\n")
    typist.until("cat'\r\n")
    typist.type("yours\n")
    typist.until("yours\r\nyours\r\n")
    typist.type("\x04")
    typist.until("PROMPT> ")


@pytest.mark.parametrize("whom", ["command", "us", "guardian"])
def test_the_terminal_is_as_before_whoever_is_killed(
    typist: Typist, whom: str, eventually: Callable[..., None]
) -> None:
    bare = typist.modes
    # A shell sets its own modes: the parent is one that leaves the terminal as it is.
    typist.type(f'sh -c \'{RUN} sh -c "echo wai"ts"; exec sleep 60"; true\'\n')
    typist.until("waits\r\n")
    command = process("sleep", "60")
    victims = {"command": command, "us": process(*US), "guardian": int(field(command, PARENT))}
    os.kill(victims[whom], signal.SIGKILL)
    typist.until("PROMPT> ")
    eventually(lambda: typist.modes == bare)


def test_errors_that_go_elsewhere_do(typist: Typist, tmp_path: Path) -> None:
    said = typist.run(f"{RUN} sh -c 'echo out; echo wrong >&2' 2> {tmp_path}/errors")
    assert said == "out\r\n"
    assert (tmp_path / "errors").read_text() == "wrong\n"


def test_a_pager_below_us_reads_its_keys(typist: Typist) -> None:
    reads = "sh -c 'cat > /dev/null; echo as''ks; read x < /dev/tty; echo got $x'"
    typist.type(f"{RUN} echo a | {reads}\n")
    typist.until("asks\r\n")
    typist.type("key\n")
    typist.until("got key\r\n")
    typist.until("PROMPT> ")


def test_a_terminal_that_is_closed_ends_the_command(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    name, _, value = MARK.partition("=")
    with Typist({**os.environ, "PYTHONPATH": str(ROOT), name: value}) as typist:
        typist.type(f"{RUN} sh -c 'echo wai''ts; exec sleep 60'\n")
        typist.until("waits\r\n")
    eventually(lambda: not list(marked.processes(MARK)))


def test_a_process_in_the_background_lives_on_after_the_command(typist: Typist) -> None:
    said = typist.run(f"{RUN} sh -c 'sleep 60 > /dev/null 2>&1 & echo $!'")
    os.kill(int(said.split()[-1]), signal.SIGKILL)


def test_a_terminal_that_takes_nothing_keeps_ctrl_c_from_nobody(typist: Typist) -> None:
    typist.type(f"{RUN} yes\n")
    typist.until("y\r\ny\r\n")
    typist.type("\x03")  # its output is not read meanwhile
    typist.until("PROMPT> ")
