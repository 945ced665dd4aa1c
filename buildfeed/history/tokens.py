"""Tokens and sessions: who is known, and what each may do.

Only hashes are kept: whoever reads the database cannot sign in. A token has 190 bits that nobody
chose, so a plain SHA-256 of it cannot be guessed back, and is quick to look up.

Each change that a gateway has to know of (a token that is new, revoked or has other grants, a
session that has ended) gets a number of the history's counter, as the changes of builds do. So a
gateway reads what is new since its last look by one query for each table.

Somebody who comes by an OpenID provider has a session and no token: its row says who it is.
"""

import hashlib
import logging
import secrets
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, func, insert, make_url, select, update

from buildfeed import names
from buildfeed.errors import BuildfeedError, HistoryUnavailable, InvalidGrant
from buildfeed.grants import Grants
from buildfeed.history import turns
from buildfeed.history.database import Database
from buildfeed.history.schema import sessions, tokens
from buildfeed.secret_kinds import BEARER, COOKIE, LINK

SLIDING: Final = timedelta(days=30)
"""A session that is not used for so long has ended."""
LONGEST: Final = timedelta(days=90)
"""No session lasts longer."""
_TOUCHED_AFTER: Final = timedelta(hours=1)
"""How old the note of the last use may be, so that few requests write."""

log = logging.getLogger(__name__)

OF_PROVIDER: Final = "oidc:"
"""What the ids begin with that stand for people of an OpenID provider in place of a token."""
LINK_NAME: Final = "share-"
"""What the names of links begin with."""
_CHANGED_TOKENS: Final = select(tokens).where(tokens.c.changed > bindparam("since"))
_CHANGED_SESSIONS: Final = select(sessions).where(sessions.c.changed > bindparam("since"))
"""Built once: to build a statement costs more than to run it."""
_CHARACTERS: Final = string.digits + string.ascii_letters
_LENGTH: Final = 32


MOST_LINKS: Final = 1000
"""Links that are good at a time: whoever may read may make them."""
MOST_SESSIONS: Final = 1000
"""Sessions of one token that go on: with one more, the oldest ends."""


class TooManyLinks(BuildfeedError):
    """There are MOST_LINKS already."""

    def __init__(self) -> None:
        super().__init__(f"{MOST_LINKS} links share builds already: revoke some, or wait.")


class NameInUse(BuildfeedError):
    """There is a token of this `name` already."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is a token {name!r} already: renew it, revoke it, or choose another name."
        )
        self.name = name


class NoGoodToken(BuildfeedError):
    """There is no token of this `name` that is good."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no token {name[:80]!r} that is good.")
        self.name = name


class RenewedAlready(BuildfeedError):
    """A token of this `name` was renewed, and the old one is good until `expires`."""

    def __init__(self, name: str, expires: datetime) -> None:
        super().__init__(
            f"The token {name!r} was renewed, and its old secret is good until "
            f"{expires.astimezone(UTC):%Y-%m-%dT%H:%MZ}: wait until then, or end both at once by "
            "--overlap-hours 0."
        )
        self.name = name
        self.expires = expires


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token, as it is known: without its secret."""

    id: str
    name: str
    grants: Grants
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    used: datetime | None = None
    hash: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is signed in by the token of an id, or by a provider until it `ends`."""

    hash: str
    token: str
    created: datetime
    used: datetime
    ended: datetime | None = None
    ends: datetime | None = None

    @property
    def expires(self) -> datetime:
        """When it ends if it is not used any more."""
        return self.ends or min(self.used + SLIDING, self.created + LONGEST)


class Changes(msgspec.Struct, frozen=True):
    """Tokens and sessions that are other than before; `number` is for the next look.

    `now` is the time of the database, by which everything expires.
    """

    tokens: list[Token]
    sessions: list[Session]
    number: int
    now: datetime


def new_secret(kind: str) -> str:
    """Return a new secret that begins with `kind`: 32 characters of base 62 follow."""
    return kind + "".join(secrets.choice(_CHARACTERS) for _ in range(_LENGTH))


def digest(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()  # it may be anything


class Tokens:
    """The tokens and sessions in `database`.

    Every method blocks, may be called from several threads, and raises HistoryUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, name: str, grants: Grants, lifetime: timedelta | None = None, kind: str = BEARER
    ) -> tuple[Token, str]:
        """Make a token; return it and its secret, which nobody can ask for again.

        Raises InvalidName, NameInUse while a token of that name is good, and TooManyLinks.
        """
        names.token(name)
        secret = new_secret(kind)
        with self._database.transaction() as connection:
            number = turns.take(connection, changes=1)  # so that no two take the same name
            now = self._now(connection)
            if any(_is_good(each, now) for each in self._named(connection, name)):
                raise NameInUse(name)
            if kind == LINK and _good_links(connection, now) >= MOST_LINKS:
                raise TooManyLinks
            token = _new(name, grants, now, lifetime, secret)
            _insert(connection, token, number)
        return token, secret

    def renew(
        self, name: str, lifetime: timedelta | None, overlap: timedelta
    ) -> tuple[Token, str, datetime]:
        """Make a second token of a name with the grants of the first, which ends after `overlap`.

        Returns the new one, its secret, and when the old one ends. Two are good at a time and no
        more: without an overlap both end at once. Raises NoGoodToken, and RenewedAlready.
        """
        secret = new_secret(BEARER)
        with self._database.transaction() as connection:
            number = turns.take(connection, changes=1)
            now = self._now(connection)
            good = [each for each in self._named(connection, name) if _is_good(each, now)]
            if not good:
                raise NoGoodToken(name)
            if overlap and len(good) > 1:
                raise RenewedAlready(name, min(each.expires for each in good if each.expires))
            ends = now + overlap
            for old in good:
                change = update(tokens).where(tokens.c.id == old.id)
                expires = min(old.expires or ends, ends)
                connection.execute(change.values(expires=expires, changed=number))
            token = _new(name, good[0].grants, now, lifetime, secret)
            _insert(connection, token, number)
        return token, secret, expires

    def all(self) -> list[Token]:
        """Return all tokens, also those that are good no more, oldest first."""
        with self._database.transaction() as connection:
            query = select(tokens).order_by(tokens.c.created, tokens.c.id)
            return [_token(row) for row in connection.execute(query)]

    def good(self, name: str) -> list[Token]:
        """Return the tokens of a name that are good now, the newest first: two at most."""
        with self._database.transaction() as connection:
            now = self._now(connection)
            return [each for each in self._named(connection, name) if _is_good(each, now)]

    def revoke(self, name: str) -> int:
        """Revoke the tokens of a name; return how many were good.

        Of somebody who comes by a provider the sessions end, and are counted.
        """
        with self._database.transaction() as connection:
            number = turns.take(connection, changes=1)
            now = self._now(connection)
            good = [each.id for each in self._named(connection, name) if _is_good(each, now)]
            change = update(tokens).where(tokens.c.id.in_(good))
            connection.execute(change.values(revoked=now, changed=number))
            theirs = (
                (sessions.c.name == name) & sessions.c.ended.is_(None) & (sessions.c.ends > now)
            )
            ended = update(sessions).where(theirs).values(ended=now, changed=number)
            return len(good) + connection.execute(ended).rowcount

    def find(self, hash_: str) -> Token | None:
        """Return the token whose secret has a hash, good or not; None if there is none."""
        with self._database.transaction() as connection:
            row = connection.execute(select(tokens).where(tokens.c.hash == hash_)).first()
            return _token(row) if row else None

    def sign_in(self, token: str) -> str:
        """Begin a session of the token of an id; return its secret."""
        return self._begin(token)

    def sign_in_person(self, name: str, grants: Grants, lifetime: timedelta) -> str:
        """Begin a session of somebody who comes by a provider; return its secret."""
        return self._begin(f"{OF_PROVIDER}{name}", name, grants, lifetime)

    def _begin(
        self,
        token: str,
        name: str | None = None,
        grants: Grants = Grants(),  # noqa: B008 - it is frozen
        lifetime: timedelta | None = None,
    ) -> str:
        secret = new_secret(COOKIE)
        with self._database.transaction() as connection:
            number = turns.take(connection, changes=1)
            now = self._now(connection)
            row = {"hash": digest(secret), "token": token, "created": now, "used": now}
            if name is not None and lifetime is not None:
                row |= {"name": name, "grants": _written(grants), "ends": now + lifetime}
            connection.execute(insert(sessions), row | {"changed": number})
            old = _goes_on(token).order_by(sessions.c.created.desc()).offset(MOST_SESSIONS).limit(1)
            if (oldest := connection.scalar(old)) is not None:
                change = update(sessions).where(sessions.c.hash == oldest)
                connection.execute(change.values(ended=now, changed=number))
        return secret

    def session(self, hash_: str) -> tuple[Session, Token | None] | None:
        """Return the session whose secret has a hash, ended or not, and its token.

        The token is None if it is not one of the history; that of somebody who comes by a provider
        is the row itself.
        """
        with self._database.transaction() as connection:
            row = connection.execute(select(sessions).where(sessions.c.hash == hash_)).first()
            if row is None:
                return None
            if row.name is not None:
                return _session(row), _person(row)
            token = connection.execute(select(tokens).where(tokens.c.id == row.token)).first()
            return _session(row), _token(token) if token else None

    def use(self, token: str, session: str = "") -> None:
        """Take note that a token of an id is used, and a session of a hash if there is one."""
        with self._database.transaction() as connection:
            now = self._now(connection)
            old = now - _TOUCHED_AFTER
            stale = tokens.c.used.is_(None) | (tokens.c.used < old)
            connection.execute(update(tokens).where(tokens.c.id == token, stale).values(used=now))
            found = update(sessions).where(sessions.c.hash == session, sessions.c.used < old)
            if session and connection.execute(found.values(used=now)).rowcount:
                number = turns.take(connection, changes=1)
                touched = update(sessions).where(sessions.c.hash == session)
                connection.execute(touched.values(changed=number))

    def sign_out(self, session: str) -> None:
        """End the session of a hash."""
        with self._database.transaction() as connection:
            number = turns.take(connection, changes=1)
            change = update(sessions).where(sessions.c.hash == session, sessions.c.ended.is_(None))
            connection.execute(change.values(ended=self._now(connection), changed=number))

    def changes(self, since: int | None) -> Changes:
        """Return what changed after `since`; without it nothing but the number and the time."""
        with self._database.transaction() as connection:
            # Read first, so as to miss none. It is below `since` after a backup was restored.
            number = turns.position(connection)
            known = {"since": number if since is None else min(since, number)}
            found = [_token(row) for row in connection.execute(_CHANGED_TOKENS, known)]
            ended = [_session(row) for row in connection.execute(_CHANGED_SESSIONS, known)]
            return Changes(found, ended, number, self._now(connection))

    def _named(self, connection: Connection, name: str) -> list[Token]:
        query = select(tokens).where(tokens.c.name == name).order_by(tokens.c.created.desc())
        return [_token(row) for row in connection.execute(query)]

    def _now(self, connection: Connection) -> datetime:
        return self._database.dialect.now(connection)


def _new(
    name: str, grants: Grants, now: datetime, lifetime: timedelta | None, secret: str
) -> Token:
    return Token(
        id=secrets.token_hex(8),
        name=name,
        grants=grants,
        created=now,
        expires=now + lifetime if lifetime else None,
        hash=digest(secret),
    )


def _insert(connection: Connection, token: Token, number: int) -> None:
    row = msgspec.structs.asdict(token) | {"grants": _written(token.grants)}
    connection.execute(insert(tokens), row | {"changed": number})


def any_is_good(url: str) -> bool:
    """Tell whether anybody can sign in by the history at `url`; True if that cannot be said."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return False  # and none is made by looking
    try:
        found = Tokens(Database(url))
        return any(each.revoked is None for each in found.all())
    except HistoryUnavailable:
        return True


def _good_links(connection: Connection, now: datetime) -> int:
    """Return how many links are good: they are tokens that read one build, by their names."""
    good = tokens.c.revoked.is_(None) & (tokens.c.expires > now)
    links = select(func.count()).where(tokens.c.name.startswith(LINK_NAME), good)
    return connection.scalar(links) or 0


def _goes_on(token: str) -> Select[tuple[str]]:
    """Return the query of the sessions of a token that were not ended."""
    return select(sessions.c.hash).where(sessions.c.token == token, sessions.c.ended.is_(None))


def _is_good(token: Token, now: datetime) -> bool:
    return token.revoked is None and (token.expires is None or token.expires > now)


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        grants=_grants(row.grants),
        created=_utc(row.created),
        expires=row.expires and _utc(row.expires),
        revoked=row.revoked and _utc(row.revoked),
        used=row.used and _utc(row.used),
        hash=row.hash,
    )


def _person(row: Row[Any]) -> Token:
    """Return what stands for the token of somebody who comes by a provider."""
    created, grants = _utc(row.created), _grants(row.grants or "")
    return Token(id=row.token, name=row.name, grants=grants, created=created, hash=row.hash)


def _written(grants: Grants) -> str:
    """Return grants as a row has them."""
    return " ".join(map(str, grants))


def _grants(text: str) -> Grants:
    """Return the grants of a row; none if a later version wrote some that are unknown here."""
    try:
        return Grants.parse(text.split())
    except InvalidGrant as exc:
        log.warning("token.unreadable", extra={"reason": exc.reason})
        return Grants()


def _session(row: Row[Any]) -> Session:
    return Session(
        hash=row.hash,
        token=row.token,
        created=_utc(row.created),
        used=_utc(row.used),
        ended=row.ended and _utc(row.ended),
        ends=row.ends and _utc(row.ends),
    )


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)  # SQLite has no time zones
