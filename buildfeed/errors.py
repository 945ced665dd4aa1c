"""The exceptions that several rooms raise or catch, with their facts as attributes.

BuildfeedError
├── InvalidName         a project, build or worker name outside the allowed characters
├── InvalidTopic        a topic that is not builds/{project}/{build}/{kind}
├── InvalidFilter       a filter that breaks MQTT 5 §4.7 or can match no build
├── InvalidGrant        a text that grants nothing that there is
├── InvalidActivity     a payload that is not an activity of its topic
├── CannotListen        a server cannot listen on an address
├── NameTaken           another process has the name of a worker or a recorder
├── BrokerUnavailable   the broker did not confirm a publish
└── HistoryUnavailable  the history database failed
    └── HistoryRefused  it takes no such values, on whatever connection

An exception of one room stands in the module that raises it, e.g. `Problem` in
`gateway/problems.py`, `RabbitMQFailed` in `buildfeed/broker/local/rabbitmq.py`.
"""

import reprlib
from typing import Final

_MAX_REASON: Final = 200
"""Characters of the reason that InvalidActivity quotes; of a longer one both ends are kept."""


class BuildfeedError(Exception):
    """Their root: catch it to catch each of them, and the errors of the private RabbitMQ."""


class InvalidName(BuildfeedError):
    """`text` cannot name a `what` (project, build, worker): it is refused, never cleaned up."""

    def __init__(self, what: str, text: object) -> None:
        super().__init__(
            f"{str(text)[:80]!r} is no {what} name: 1 to 64 characters of a-z 0-9 - _, "
            "starting with a letter or a digit."
        )
        self.what = what
        self.text = text


class ReservedName(InvalidName):
    """`text` names people of an OpenID provider, so no token can have it."""

    def __init__(self, text: str) -> None:
        BuildfeedError.__init__(
            self, f"{text!r} is a name of people who come by an OpenID provider: choose another."
        )
        self.what = "token"
        self.text = text


class InvalidTopic(BuildfeedError):
    """`topic` is not a build topic, for `reason`."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"Topic {topic[:80]!r} is refused: {reason}.")
        self.topic = topic
        self.reason = reason


class InvalidFilter(BuildfeedError):
    """`filter` cannot be watched, for `reason`."""

    def __init__(self, filter_: object, reason: str) -> None:
        # It may be any JSON value. `reprlib` cuts short a deeply nested one; `repr` would raise.
        text = filter_ if isinstance(filter_, str) else reprlib.repr(filter_)
        super().__init__(f"Filter {text[:80]!r} is refused: {reason}.")
        self.filter = filter_
        self.reason = reason


class InvalidGrant(BuildfeedError):
    """`grant` grants nothing that there is, for `reason`."""

    def __init__(self, grant: str, reason: str) -> None:
        super().__init__(f"Grant {grant[:80]!r} is refused: {reason}.")
        self.grant = grant
        self.reason = reason


class InvalidActivity(BuildfeedError):
    """The payload on `topic` is not an activity of that topic, for `reason`.

    A long `reason` loses its middle, which may quote the payload; its end names the member.
    """

    def __init__(self, topic: str, reason: str) -> None:
        if len(reason) > _MAX_REASON:
            reason = f"{reason[: _MAX_REASON // 2 - 1]}…{reason[-_MAX_REASON // 2 :]}"
        super().__init__(f"The payload on {topic[:80]!r} is refused: {reason}.")
        self.topic = topic
        self.reason = reason


class CannotListen(BuildfeedError):
    """No server can listen on `host` and `port`, for `reason`; `taken`: another one does."""

    def __init__(self, host: str, port: int, reason: str, *, taken: bool = False) -> None:
        super().__init__(f"Nothing can listen on {host} port {port}: {reason}.")
        self.host = host
        self.port = port
        self.reason = reason
        self.taken = taken


class NameTaken(BuildfeedError):
    """Another `what` (worker, recorder) that is online has the `name`."""

    def __init__(self, what: str, name: str, option: str) -> None:
        super().__init__(
            f"The name {name} is taken: another {what} has it. Give this one another: {option}."
        )
        self.what = what
        self.name = name


class BrokerUnavailable(BuildfeedError):
    """The broker did not confirm a publish.

    `sent` is True when the message may have arrived all the same, False when nothing was sent.
    """

    def __init__(self, *, sent: bool) -> None:
        super().__init__(
            "The message broker did not confirm in time; it may have the command."
            if sent
            else "The message broker does not answer; nothing was sent."
        )
        self.sent = sent


class HistoryUnavailable(BuildfeedError):
    """The history database failed, for `reason`; the same request may succeed later."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The history database cannot be used: {reason}.")
        self.reason = reason


class HistoryRefused(HistoryUnavailable):
    """The history database takes no such values: the same request would fail again."""
