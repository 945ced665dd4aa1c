"""A name that one process at a time may have: a worker's, a recorder's. Pure, time passed in.

A broker does not know such names, as our client ids are fresh for each connection. So whoever comes
asks. Each process has an `instance`, a random text. The holder of a name has told a retained status
on the topic of the name, with its instance. A newcomer subscribes to that topic, and publishes a
*hello* with its own instance beside it.

* A holder answers a hello with its status, and the newcomer takes that for a no.
* No answer within GRACE_SECONDS after its own hello has come back: the name is free.
* A retained status says that another instance is online. Perhaps it died, and its last will comes;
  perhaps it is frozen. The newcomer waits for `doubt_seconds`.
* Two newcomers, or two holders after a network was cut in two: the smaller instance stays.

A holder that hears that its name is offline says that it is not: the will of an older connection,
or of a newcomer, came late.
"""

from typing import Final, Literal, TypeVar

import msgspec

GRACE_SECONDS: Final = 0.2
"""Seconds for the answer of a holder, after one's own hello has come back."""

Reply = Literal["nothing", "hello", "status", "taken"]
"""What to do: say hello (again), tell one's status, or end, as another has the name."""


class Hello(msgspec.Struct, frozen=True):
    """The payload of a hello."""

    instance: str


class Status(msgspec.Struct, frozen=True):
    """The part of a status that tells whether a name is taken, whoever has it."""

    status: Literal["online", "offline"]
    instance: str = ""


Said = TypeVar("Said", Hello, Status)


def encode(said: Hello | Status) -> bytes:
    """Return the payload."""
    return msgspec.json.encode(said)


def decode_hello(payload: bytes) -> Hello | None:
    """Return the hello in a payload, None for anything else."""
    return _decoded(payload, Hello)


def decode_status(payload: bytes) -> Status | None:
    """Return the status in a payload, None for anything else."""
    return _decoded(payload, Status)


class UniqueName:
    """The claim of the process `instance` to a name. Times are seconds of a monotonic clock."""

    def __init__(self, instance: str, doubt_seconds: float) -> None:
        self.instance = instance
        self.held = False
        """True once the name is ours."""
        self._doubt_seconds = doubt_seconds
        self._doubt_until = 0.0
        self._came_back: float | None = None

    def connected(self) -> Reply:
        """Take note of a new connection, with its subscriptions."""
        self._came_back = None
        return "status" if self.held else "hello"

    def is_free(self, now: float) -> bool:
        """Tell whether nobody objects to the name; then it is ours."""
        if self._came_back is not None:
            free_at = max(self._came_back + GRACE_SECONDS, self._doubt_until)
            self.held = self.held or now >= free_at
        return self.held

    def hear_hello(self, said: Hello, now: float) -> Reply:
        """Take a hello, one's own too."""
        if said.instance == self.instance:
            self._came_back = now
            return "nothing"
        if self.held:
            return "status"
        return "taken" if said.instance < self.instance else "hello"

    def hear_status(self, said: Status, now: float, *, retained: bool) -> Reply:
        """Take a status of the name, one's own too; `retained`: the broker had kept it."""
        ours = said.instance == self.instance
        if said.status == "offline":
            self._doubt_until = 0.0
            return "status" if self.held else "nothing"
        if ours:
            return "nothing"
        if retained and not self.held:
            self._doubt_until = now + self._doubt_seconds
            return "nothing"
        if retained or (self.held and self.instance < said.instance):
            return "status"
        return "taken"


def _decoded(payload: bytes, type_: type[Said]) -> Said | None:
    try:
        return msgspec.json.decode(payload, type=type_)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
