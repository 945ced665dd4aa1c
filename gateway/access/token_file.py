"""The file of tokens (`--tokens`): read again when it changes, beside the tokens in the history.

An editor may write a file in several steps, and what was written first would be taken for all. So a
file is read when two looks have found it the same. One that cannot be read changes nothing.
"""

import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from buildfeed.history.tokens import Token
from gateway.access.token_entries import MAX_BYTES, Entry, InvalidTokens, parse

LOOK_SECONDS: Final = 1.0
"""A change is known after two looks."""

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int, int]


def read(path: Path) -> list[Entry]:
    """Return the tokens in a file; raises InvalidTokens."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InvalidTokens(f"it has over {MAX_BYTES // 1024} KiB")
        return parse(content.decode())
    except OSError as exc:
        raise InvalidTokens(exc.strerror or str(exc)) from exc
    except UnicodeDecodeError as exc:
        raise InvalidTokens("it is not UTF-8") from exc


class TokenFile:
    """The tokens in the file at `path`, as of the last time that it could be read.

    `look` blocks, the others do not.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._by_hash: dict[str, Token] = {}
        self._by_id: dict[str, Token] = {}
        self._by_name: dict[str, Token] = {}
        self._seen: _Stamp | None = None
        self._taken: _Stamp | None = None
        self._said = ""
        if path:
            self._seen = _stamp(path)
            self.look()

    @property
    def exists(self) -> bool:
        """Whether there is a file to look at."""
        return self._path is not None

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return len(self._by_id)

    def find(self, hash_: str) -> Token | None:
        """Return the token whose secret has a hash."""
        return self._by_hash.get(hash_)

    def of_id(self, id_: str) -> Token | None:
        """Return the token of an id."""
        return self._by_id.get(id_)

    def of_name(self, name: str) -> Token | None:
        """Return the token of a name."""
        return self._by_name.get(name)

    def look(self) -> list[Token] | None:
        """Read the file if it has changed; return the tokens that were in it before, as now.

        One that is in it no more is revoked. Returns None if nothing was read.
        """
        if self._path is None:
            return None
        before, self._seen = self._seen, _stamp(self._path)
        if self._seen != before or (self._seen and self._seen == self._taken):
            return None
        try:
            entries = read(self._path)
        except InvalidTokens as exc:
            if exc.reason != self._said:
                facts = {"path": str(self._path), "reason": exc.reason, "kept": len(self)}
                log.warning("token.file_unreadable", extra=facts)
            self._said, self._taken = exc.reason, self._seen
            return None
        if _stamp(self._path) != self._seen:
            return None  # it was written meanwhile
        self._said, self._taken = "", self._seen
        return self._take(entries)

    def _take(self, entries: Iterable[Entry]) -> list[Token]:
        now = datetime.now(UTC)
        before, after = self._by_id, {each.id: each for each in (_token(e, now) for e in entries)}
        self._by_id, self._by_hash = after, {each.hash: each for each in after.values()}
        self._by_name = {each.name: each for each in after.values()}
        gone = [
            msgspec.structs.replace(token, revoked=now)
            for id_, token in before.items()
            if id_ not in after
        ]
        log.info(
            "token.file_read",
            extra={"path": str(self._path), "tokens": len(after), "revoked": len(gone)},
        )
        return [*gone, *(token for id_, token in after.items() if id_ in before)]


def _token(entry: Entry, now: datetime) -> Token:
    return Token(
        id=f"file:{entry.name}:{entry.hash[:16]}",
        name=entry.name,
        grants=entry.grants,
        created=now,
        expires=entry.expires,
        hash=entry.hash,
    )


def _stamp(path: Path) -> _Stamp | None:
    """Return what tells a file from another, and from itself after a change; None without one."""
    try:
        found = os.stat(path)  # noqa: PTH116 - it follows links, as the contents of a ConfigMap are
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
