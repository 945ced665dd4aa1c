"""The program that a command runs, behind those that only pass it on. Pure.

`env CI=1 nice -n 5 /usr/bin/python3.12 -m pytest -q` runs `pytest`, `sh -c 'cd build && ninja -k0'`
runs `ninja`. A shell that runs several programs runs none of them alone: then it is the program.
"""

import re
import shlex
from collections.abc import Sequence
from typing import Final

import msgspec

_MOST_LAYERS: Final = 16
_MOST_WORDS: Final = 256
_MOST_SCRIPT: Final = 4096
"""Characters of a `sh -c` script that is looked at; a longer one is no single command."""

# Programs that run another: their options that take a value. Their own operands come before it.
_WRAPPERS: Final = {
    "env": ("-u", "-C", "-S", "--unset", "--chdir"),
    "nice": ("-n", "--adjustment"),
    "ionice": ("-c", "-n", "-p"),
    "chrt": ("-p",),
    "taskset": (),
    "timeout": ("-k", "-s", "--kill-after", "--signal"),
    "time": ("-o", "-f"),
    "nohup": (),
    "setsid": (),
    "stdbuf": ("-i", "-o", "-e"),
    "unbuffer": (),
    "sudo": ("-u", "-g", "-C", "-D", "-h", "-p"),
    "doas": ("-u", "-C"),
    "chronic": (),
    "xvfb-run": ("-n", "-s", "-e", "-f", "--server-args", "--server-num"),
    "dbus-run-session": (),
    "systemd-inhibit": (),
    "exec": ("-a",),
    "command": (),
    "npx": ("-p", "--package"),
    "bunx": (),
    "uvx": ("--from", "--with", "-p", "--python"),
    "pipx": ("--spec", "--python"),
    "uv": ("--with", "--group", "--extra", "--package", "-p", "--python", "--directory"),
    "poetry": ("-C", "--directory", "-P", "--project"),
    "pipenv": (),
    "pdm": ("-p", "--project"),
    "rye": (),
    "hatch": ("-e", "--env"),
    "bundle": (),
    "pnpm": ("-C", "--dir", "--filter"),
    "yarn": ("--cwd",),
    "npm": ("-w", "--workspace", "--prefix"),
    "bun": (),
    "coverage": ("--rcfile", "--source", "--include", "--omit", "--data-file"),
}
# Of those, the ones that run a program only after one of these words.
_AFTER: Final = {
    "uv": ("run",),
    "poetry": ("run",),
    "pipenv": ("run",),
    "pdm": ("run",),
    "rye": ("run",),
    "hatch": ("run",),
    "pipx": ("run",),
    "bundle": ("exec",),
    "pnpm": ("exec", "dlx"),
    "yarn": ("exec", "dlx"),
    "npm": ("exec", "x"),
    "bun": ("x",),
    "coverage": ("run",),
}
_HAS_OPERAND: Final = frozenset({"timeout", "taskset", "chrt"})  # a duration, a mask, a priority
_SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
_PREPARING: Final = frozenset(
    {"cd", "export", "set", "source", ".", "umask", "ulimit", ":", "true"}
)
_SCRIPT_OPTION: Final = re.compile(r"-[a-z]{0,8}c$")  # as -c, -lc, -euc
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_VERSION: Final = re.compile(r"(?<=[a-z])-?[0-9]+(?:\.[0-9]+)*$")
_SUFFIX: Final = re.compile(r"\.(?:exe|cmd|bat|sh|py|js)$", re.IGNORECASE)
_SAME: Final = {
    "ninja-build": "ninja",
    "samu": "ninja",
    "py.test": "pytest",
    "gradlew": "gradle",
    "mvnw": "mvn",
    "mvnd": "mvn",
    "bazelisk": "bazel",
    "gmake": "make",
    "pypy": "python",
    "cross": "cargo",
}


class Program(msgspec.Struct, frozen=True):
    """A program by its plain name (no path, version or suffix), and its arguments."""

    name: str = ""
    arguments: tuple[str, ...] = ()


def program_of(command: Sequence[str]) -> Program:
    """Return the program that `command` runs; its name is empty for an empty command."""
    words = list(command[:_MOST_WORDS])
    for _ in range(_MOST_LAYERS):
        while words and _ASSIGNMENT.match(words[0]):
            del words[0]
        if not words:
            break
        inner = _inner(_plain(words[0]), words[1:])
        if not inner:
            return Program(_plain(words[0]), tuple(words[1:]))
        words = inner
    return Program()


def _inner(name: str, words: list[str]) -> list[str]:
    """Return the command that the program `name` runs for its arguments `words`, if it is one."""
    if name in _SHELLS:
        return _of_shell(words)
    if name == "python":
        return _after_module(words)
    if name not in _WRAPPERS:
        return []
    if name in _AFTER:
        while words and words[0].startswith("-"):
            words = _without_option(words, _WRAPPERS[name])
        if not words or words[0] not in _AFTER[name]:
            return []
        words = words[1:]
    while words and (words[0].startswith("-") or _ASSIGNMENT.match(words[0])):
        if name == "coverage" and words[0] == "-m":
            return words[1:]
        words = _without_option(words, _WRAPPERS[name])
    return words[1:] if name in _HAS_OPERAND else words


def _without_option(words: list[str], valued: tuple[str, ...]) -> list[str]:
    return words[2:] if words[0] in valued else words[1:]


def _after_module(words: list[str]) -> list[str]:
    """Return what `python -m module arguments` runs."""
    for place, word in enumerate(words):
        if word == "-m":
            return words[place + 1 :]
        if not word.startswith("-") and (place == 0 or words[place - 1] not in ("-X", "-W")):
            break
    return []


def _of_shell(words: list[str]) -> list[str]:
    """Return the only command of `sh -c script`, without what prepares it, as `cd`."""
    while words and words[0].startswith("-") and not _SCRIPT_OPTION.match(words[0]):
        words = _without_option(words, ("-o", "-O"))
    if not words or not _SCRIPT_OPTION.match(words[0]):
        return []
    script = "".join(words[1:2])
    if len(script) > _MOST_SCRIPT:
        return []
    lexer = shlex.shlex(script.replace("\n", " ; "), posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    try:
        for token in lexer:
            if token in ("&&", ";"):
                commands.append([])
            else:
                commands[-1].append(token)
    except ValueError:  # a quote that is not closed
        return []
    running = [each for each in commands if each and each[0] not in _PREPARING]
    return _before_pipe(running[0]) if len(running) == 1 else []


def _before_pipe(words: list[str]) -> list[str]:
    """Return the first command of a pipeline, whose output the others pass on; none of others."""
    ends = [place for place, word in enumerate(words) if word in ("|", "|&", ">", ">>", ">&", "<")]
    first = words[: ends[0]] if ends else words
    if ends and words[ends[0]][0] in "<>" and first[-1:] and first[-1].isdecimal():
        first = first[:-1]  # the 2 of 2>&1
    is_plain = not any(set(word) <= set(";&|()<>") for word in first if word)
    return first if is_plain else []


def _plain(word: str) -> str:
    """Return the name of a program, out of a path to it."""
    name = _SUFFIX.sub("", re.split(r"[/\\]", word[-1000:])[-1].lower()) or word[-1000:]
    name = _VERSION.sub("", name) or name
    return _SAME.get(name, name)
