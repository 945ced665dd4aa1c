"""Clients of socket.io of every kind that npm and PyPI have, which watch together."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

from support.programs import ROOT

JAVASCRIPT: Final = "node", "tests/support/official_clients.mjs"
PYTHON: Final = sys.executable, "tests/support/python_clients.py"
BOTH: Final = "websocket", "polling"


class Kind(NamedTuple):
    """A client: of which program and library, with which options, by which transports."""

    name: str
    program: tuple[str, str]
    library: str
    options: dict[str, Any]
    transports: Sequence[str] = BOTH


def _kinds() -> Iterator[Kind]:
    official = [("socket.io-client", "4"), ("socket.io-client-3", "3")]
    libraries = [(JAVASCRIPT, library, f"JavaScript {line}") for library, line in official]
    libraries += [(PYTHON, each, each) for each in ("Client", "SimpleClient", "AsyncClient")]
    for program, library, name in libraries:
        yield Kind(name, program, library, {})
        for each in BOTH:
            yield Kind(f"{name} by {each}", program, library, {"transports": [each]}, [each])
    name, without = "JavaScript 4 without a slash", {"addTrailingSlash": False}
    yield Kind(name, JAVASCRIPT, "socket.io-client", without)
    for each in BOTH:
        options = without | {"transports": [each]}
        yield Kind(f"{name} by {each}", JAVASCRIPT, "socket.io-client", options, [each])
    tries_all = {"transports": [*BOTH], "tryAllTransports": True}
    yield Kind("JavaScript 4 that tries all", JAVASCRIPT, "socket.io-client", tries_all)


KINDS: Final = list(_kinds())


class Member:
    """What one client has told."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.connects = 0
        self.transport = ""
        self.pid = 0
        """The gateway process that serves it; 0 while none does."""
        self.watching = False
        self.picture: dict[str, dict[str, Any]] = {}
        """The newest state of each build, folded as topics.md says."""
        self.heard: dict[str, set[str]] = {}
        """The statuses and kinds that it heard of each build."""

    def __repr__(self) -> str:
        builds = {build: state["status"] for build, state in self.picture.items()}
        return f"<{self.kind.name}: {self.connects} connects, {self.transport} {self.pid} {builds}>"

    def take(self, what: str, value: Any) -> None:
        match what:
            case "connect":
                self.connects += 1
                self.transport = value
            case "transport":
                self.transport = value
            case "pid":
                self.pid = value
            case "watching":
                self.watching = True
            case "disconnect":
                self.pid, self.watching = 0, False
            case "build":
                self._fold(value)

    def _fold(self, state: dict[str, Any]) -> None:
        build = state["build"]
        self.heard.setdefault(build, set()).update((state["status"], state["kind"]))
        known = self.picture.setdefault(build, state)
        if not known["ended"] and _moment(state) >= _moment(known):
            self.picture[build] = state

    def status(self, build: str | None) -> str | None:
        return self.picture.get(build or "", {}).get("status")


def _moment(state: dict[str, Any]) -> tuple[int, int]:
    return state["attempt"], state["seq"]


@contextmanager
def crowd(url: str, filter_: str, kinds: Iterable[Kind]) -> Iterator[list[Member]]:
    """Let clients of these kinds watch; yield what each has told, which grows."""
    members = [Member(kind) for kind in kinds]
    with ExitStack() as stack:
        for program in (JAVASCRIPT, PYTHON):
            some = {str(n): m for n, m in enumerate(members) if m.kind.program == program}
            if some:
                stack.enter_context(_running(program, some, url, filter_))
        yield members


@contextmanager
def _running(
    program: tuple[str, str], members: dict[str, Member], url: str, filter_: str
) -> Iterator[None]:
    asked = [
        {"name": name, "library": each.kind.library, "options": each.kind.options}
        | {"url": url, "filter": filter_}
        for name, each in members.items()
    ]
    pipe = subprocess.PIPE
    process = subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
    assert process.stdin
    assert process.stdout
    json.dump(asked, process.stdin)
    process.stdin.close()

    def listen() -> None:
        for line in process.stdout or ():
            said = json.loads(line)
            members[said["name"]].take(said["what"], said["value"])

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield
    finally:
        process.terminate()
        listener.join()
        process.wait()
