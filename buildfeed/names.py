"""Identifiers: the names allowed in topics, and build ids that sort by time."""

import re
from typing import Annotated, Final

import msgspec

from buildfeed.errors import InvalidName, ReservedName

PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$(?!\n)"
"""A name: 1 to 64 lower-case letters, digits, `-` and `_`, as a regular expression.

RabbitMQ reads `.` as `/` and `*` as `+`: a looser name would leak across projects.

The look-ahead is there because `$` also matches before a final newline.
"""

MOST: Final = 64
"""Characters of a name."""
OF_PROVIDER: Final = "oidc-"
"""What the names of people begin with who come by an OpenID provider; no token has such a name."""

Name = Annotated[str, msgspec.Meta(pattern=PATTERN)]

_NAME: Final = re.compile(PATTERN)
_BUILD_ID: Final = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
_NO_CLOCK_MS: Final = 253_402_300_800_000
"""The year 10000: an id of then is nobody's clock, and no other could follow it for long."""


def is_name(text: str) -> bool:
    """Tell whether `text` is a name."""
    return _NAME.match(text) is not None


def check(what: str, text: object) -> str:
    """Return `text` if it is a name; raise InvalidName saying that it is no `what`."""
    if isinstance(text, str) and is_name(text):
        return text
    raise InvalidName(what, text)


def token(text: object) -> str:
    """Return `text` if a token may have it for a name; raises InvalidName, and ReservedName."""
    name = check("token", text)
    if name.startswith(OF_PROVIDER):
        raise ReservedName(name)
    return name


def worker_name(host: str, digits: str) -> str:
    """Return a name for a worker on the machine `host`; random `digits` make it unique."""
    where = re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")
    return f"{where[:50] or 'worker'}-{digits}"


def build_id(now_ms: int, randomness: bytes) -> str:
    """Return a UUIDv7 (RFC 9562 §5.7) as 32 hex digits.

    `now_ms` is Unix time in milliseconds, `randomness` 10 bytes.
    """
    value = now_ms << 80 | int.from_bytes(randomness[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return f"{value:032x}"


def build_id_time(build: str) -> int | None:
    """Return the Unix time in milliseconds inside a UUIDv7, None for any other name."""
    return int(build[:12], 16) if _BUILD_ID.fullmatch(build) else None


def first_id(unix_ms: int) -> str:
    """Return what sorts before every id that is made from a Unix time in milliseconds on."""
    return f"{unix_ms:012x}"


def time_to_follow(build: str) -> int:
    """Return the Unix time in milliseconds that the id of a newer build has to come after.

    0 for a name that is no UUIDv7, and for a time that is nobody's clock.
    """
    made = build_id_time(build) or 0
    return made if made < _NO_CLOCK_MS else 0
