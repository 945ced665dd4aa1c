"""The program that a command runs."""

import pytest

from buildfeed.runner.progress.program import program_of
from buildfeed.runner.progress.sources import counting


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q",
        "/usr/local/bin/pytest -q",
        "py.test -q",
        "python -m pytest -q",
        "python3.12 -X dev -m pytest -q",
        "env CI=1 A=b -u HOME pytest -q",
        "nice -n 5 ionice -c2 stdbuf -oL pytest -q",
        "timeout -k 5 600 pytest -q",
        "uv run --with numpy pytest -q",
        "poetry run python -m pytest -q",
        "coverage run --branch -m pytest -q",
        "sudo -u builder pytest -q",
    ],
)
def test_it_stands_behind_those_that_only_pass_it_on(command: str) -> None:
    program = program_of(command.split())
    assert (program.name, program.arguments) == ("pytest", ("-q",))


@pytest.mark.parametrize(
    "script",
    [
        "ninja -k0",
        "exec ninja -k0",
        "cd build && ninja -k0",
        "set -e; cd build; CC=gcc ninja -k0",
        "set -e\ncd build\nninja -k0\n",
        "ninja -k0 2>&1 | tee log",
        "sh -c 'ninja -k0'",
    ],
)
def test_a_shell_that_runs_one_program_is_that_program(script: str) -> None:
    for shell in (["sh", "-c"], ["/bin/bash", "-euc"], ["bash", "--norc", "-o", "pipefail", "-lc"]):
        program = program_of([*shell, script])
        assert (program.name, program.arguments) == ("ninja", ("-k0",))


@pytest.mark.parametrize(
    "script", ["make && ctest", "make; ninja", "ninja || make", "a & b", "'", "", "x" * 5000]
)
def test_a_shell_that_runs_several_is_itself(script: str) -> None:
    assert program_of(["sh", "-c", script]).name == "sh"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("./gradlew build", "gradle"),
        (r"C:\tools\Ninja.EXE", "ninja"),
        ("ninja-build", "ninja"),
        ("npx vite build", "vite"),
        ("npm exec -- vite build", "vite"),
        ("npm run build", "npm"),
        ("python train.py -m pytest", "python"),
        ("uv sync", "uv"),
        ("./build.sh", "build"),
        ("env", "env"),
        ("", ""),
    ],
)
def test_other_names(command: str, name: str) -> None:
    assert program_of(command.split()).name == name


def test_hostile_commands_are_only_looked_at() -> None:
    assert program_of(["env"] * 100_000).name in ("", "env")
    assert program_of(["\0", "\ufffd" * 1000]).name == "\0"
    assert program_of(["sh", "-c"] * 1000).name


@pytest.mark.parametrize(
    ("command", "sources"),
    [
        ("ninja", {"ninja"}),
        ("cmake --build build", {"ninja", "cmake"}),
        ("cmake -P script.cmake", None),
        ("cargo build", {"cargo", "rust-tests"}),
        ("cargo run", None),
        ("meson compile", {"ninja"}),
        ("meson test", {"meson"}),
        ("pip install numpy", set()),
        ("npm ci", set()),
        ("npm run build", None),
        ("make", None),
        ("./build.sh", None),
    ],
)
def test_a_tool_that_is_the_command_counts_alone(command: str, sources: set[str] | None) -> None:
    assert counting(program_of(command.split())) == sources
