"""Tokens as a file has them (TOML). Pure.

[ada]
hash = "<the SHA-256 of the token, 64 hexadecimal digits>"
grants = ["builder@acme"]
expires = 2027-01-01T00:00:00Z    # never, if it is left out
"""

import re
import tomllib
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from buildfeed import names
from buildfeed.command import ANONYMOUS
from buildfeed.errors import BuildfeedError, InvalidGrant, InvalidName
from buildfeed.grants import Grants

MAX_BYTES: Final = 1024 * 1024
"""Size of a file; it has some thousand tokens."""
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class InvalidTokens(BuildfeedError):
    """A file has no tokens that can be read, for `reason`, which quotes no value of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The tokens cannot be read: {reason}.")
        self.reason = reason


class Entry(msgspec.Struct, frozen=True):
    """A token in a file: whose it is, the hash of its secret, and what it may do until when."""

    name: str
    hash: str
    grants: Grants
    expires: datetime | None = None

    def __str__(self) -> str:
        """Return it as a file has it."""
        grants = ", ".join(f'"{grant}"' for grant in self.grants)
        lines = [f"[{self.name}]", f'hash = "{self.hash}"', f"grants = [{grants}]"]
        if self.expires:
            lines.append(f"expires = {self.expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        return "\n".join(lines)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written below a name."""

    hash: str
    grants: list[str]
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def parse(text: str) -> list[Entry]:
    """Return the tokens in the text of a file; raises InvalidTokens."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        where = re.search(r"\(at .*\)$", str(exc))
        raise InvalidTokens(f"it is no TOML {where[0] if where else ''}".rstrip()) from None
    entries = [_entry(name, table) for name, table in tables.items()]
    owners: dict[str, str] = {}
    for entry in entries:
        if (other := owners.setdefault(entry.hash, entry.name)) != entry.name:
            raise InvalidTokens(f"{other} and {entry.name} have the same hash")
    return entries


def _entry(name: str, table: object) -> Entry:
    """Return one token; raises InvalidTokens."""
    if name == ANONYMOUS:
        raise InvalidTokens(f"{ANONYMOUS} is everybody without a token")
    try:
        names.token(name)
        found = msgspec.convert(table, _Table)
        grants = Grants.parse(found.grants)
    except InvalidName as exc:
        raise InvalidTokens(str(exc).rstrip(".")) from exc
    except msgspec.ValidationError as exc:
        raise InvalidTokens(f"[{name}]: {exc}") from None
    except InvalidGrant as exc:
        raise InvalidTokens(f"[{name}]: {str(exc).rstrip('.')}") from exc
    if not _HASH.fullmatch(found.hash):
        raise InvalidTokens(
            f"[{name}]: its hash is not 64 hexadecimal digits; it is the SHA-256 of the token, "
            "never the token itself"
        )
    return Entry(name, found.hash, grants, found.expires)
