"""Logs: one line an event on standard error, readable for people and for `grep`.

    2026-11-21T10:15:03.218Z INFO mqtt.up protocol=5 link=recorder

The message of a record is the name of the event, its `extra` are the fields. No line has control
characters, as a terminal may show it; none of a traceback looks like a record, though an
exception may quote a stranger. Nobody logs a secret on purpose; one that an exception, an address
or a library quotes is cut off.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from buildfeed.activity import timestamp
from buildfeed.secret_kinds import ANY
from buildfeed.text import printable

_CHATTY: Final = ("alembic", "amqtt", "httpcore", "httpx", "transitions")
"""Libraries whose many lines at `info` help only their authors."""

_OWN_ATTRIBUTES: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
)


_SECRETS: Final = re.compile(
    rf"""(?<![\w-])({ANY})[0-9A-Za-z]{{12,}}  # tokens, links and sessions of ours
    | (\beyJ[\w-]+\.)[\w-]+\.[\w-]*  # the claims of a JWT, and its signature
    | (://[^\s/:@]*:)[^\s/]+(?=@)  # the password in a URL
    """,
    re.VERBOSE,
)


class Formatter(logging.Formatter):
    """Time in UTC, level, event and fields; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        time = timestamp(datetime.fromtimestamp(record.created, UTC))
        fields = [
            f"{name}={_value(value)}"
            for name, value in vars(record).items()
            if name not in _OWN_ATTRIBUTES
        ]
        event = record.getMessage()
        if not event.isprintable():
            event = json.dumps(event)  # a line break would look like another record
        lines = [" ".join([time, record.levelname, event, *fields])]
        if record.exc_info:
            lines += _told(self.formatException(record.exc_info))
        if record.stack_info:
            lines += _told(self.formatStack(record.stack_info))
        return _SECRETS.sub(_cut, "\n".join(lines))


def configure(level: str) -> None:
    """Write log records from `level` on (`debug`, `info`, `warning`, `error`) to standard error.

    Replaces all handlers. Raises ValueError for another level.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.root.level, logging.WARNING))


def _cut(secret: re.Match[str]) -> str:
    return f"{secret[secret.lastindex or 0]}…"


def _told(text: str) -> Iterator[str]:
    """Yield the lines of a traceback; a record begins with a digit, so none of them does."""
    for line in text.split("\n"):
        yield printable(f"  {line}" if line[:1].isdigit() else line)


def _value(value: object) -> str:
    """Return `value`, quoted as in JSON when a reader could not tell where it ends."""
    text = str(value)
    if text and text.isprintable() and not any(mark in text for mark in ' "='):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
