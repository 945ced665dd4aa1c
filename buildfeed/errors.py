"""Every exception this project raises on purpose, with its facts as attributes.

BuildfeedError
├── InvalidName        a project, build or worker name outside the allowed characters
├── InvalidTopic       a topic that is not builds/{project}/{build}/{kind}
├── InvalidFilter      a filter that breaks MQTT 5 §4.7 or can match no build
├── InvalidActivity    a payload that is not an activity of its topic
├── BrokerUnavailable  a command the broker did not confirm in time
├── HistoryUnavailable the history database did not do what it was asked
├── RabbitMQMissing    a private RabbitMQ was asked for, and none is installed
└── RabbitMQFailed     the private RabbitMQ did not start, or refused a command
"""

import reprlib
from typing import Final

_MAX_REASON: Final = 200


class BuildfeedError(Exception):
    """The common root: catch it to catch all of them."""


class InvalidName(BuildfeedError):
    """`text` is no name of a `what`: names are refused, never cleaned up."""

    def __init__(self, what: str, text: object) -> None:
        super().__init__(
            f"{str(text)[:80]!r} is no {what} name: 1 to 64 characters of a-z 0-9 - _, "
            "starting with a letter or a digit."
        )
        self.what = what
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
        # Whatever JSON it is: to write out all of what is nested deeply may fail.
        text = filter_ if isinstance(filter_, str) else reprlib.repr(filter_)
        super().__init__(f"Filter {text[:80]!r} is refused: {reason}.")
        self.filter = filter_
        self.reason = reason


class InvalidActivity(BuildfeedError):
    """The payload on `topic` is not an activity of that topic, for `reason`.

    The middle of a long `reason` is left out: it may quote the payload, and ends with the member.
    """

    def __init__(self, topic: str, reason: str) -> None:
        if len(reason) > _MAX_REASON:
            reason = f"{reason[: _MAX_REASON // 2 - 1]}…{reason[-_MAX_REASON // 2 :]}"
        super().__init__(f"The payload on {topic[:80]!r} is refused: {reason}.")
        self.topic = topic
        self.reason = reason


class BrokerUnavailable(BuildfeedError):
    """The broker did not confirm a publish.

    `sent` tells whether it may have arrived all the same: False means that nothing was sent.
    """

    def __init__(self, *, sent: bool) -> None:
        super().__init__(
            "The message broker did not confirm in time; it may have the command."
            if sent
            else "The message broker does not answer; nothing was sent."
        )
        self.sent = sent


class RabbitMQMissing(BuildfeedError):
    """No RabbitMQ is installed on this machine."""

    def __init__(self) -> None:
        super().__init__("RabbitMQ is not installed: apt-get install rabbitmq-server.")


class RabbitMQFailed(BuildfeedError):
    """The private RabbitMQ failed, for `reason`; `log` has its last words, one per line."""

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(f"The private RabbitMQ failed: {reason}.{log and chr(10) + log}")
        self.reason = reason
        self.log = log


class HistoryUnavailable(BuildfeedError):
    """The database did not do what it was asked, for `reason`; asked again later it may."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The history database cannot be used: {reason}.")
        self.reason = reason
