"""The directory: which principal a credential stands for.

Tokens are in the history, or in a file; sessions are in the history. What was looked up is
remembered; every 3 s the changes since the last look are read, so that a token that was revoked,
or has other grants, is known in every process, and `visitors` close what it has open. While the
history is away, those who are remembered are still served, and nobody else can come but by a token
of the file, or by one of an OpenID provider: those are verified, and in no history.

Everything expires by the clock of the database, which all gateways share.
"""

import asyncio
import logging
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, TypeVar
from weakref import WeakValueDictionary

import msgspec

from buildfeed.errors import HistoryUnavailable
from buildfeed.grants import Area, Grant, Grants
from buildfeed.history.tokens import (
    LINK_NAME,
    OF_PROVIDER,
    Session,
    Token,
    Tokens,
    TooManyLinks,
    digest,
)
from buildfeed.secret_kinds import COOKIE, IN_COOKIES, LINK
from gateway.access.audit import Audit
from gateway.access.credentials import Shown, is_jwt
from gateway.access.identity import Identity, Issuer
from gateway.access.principal import ANONYMOUS, Principal, in_the_clear, not_signed_in
from gateway.access.proxies import owner
from gateway.access.token_file import LOOK_SECONDS as FILE_LOOK_SECONDS
from gateway.access.token_file import TokenFile
from gateway.access.visitors import Visitors, differs
from gateway.answered import ANSWER_SECONDS, answered
from gateway.problems import Problem
from gateway.rate_limit import RateLimit
from gateway.tasks import Tasks

LOOK_SECONDS: Final = 3.0
_REMEMBERED: Final = 10_000
"""Credentials that are remembered, those that were used last."""
_USE_NOTED_SECONDS: Final = 600.0
"""How long a use need not be noted again."""
MOST_FAILURES: Final = 10
"""Failures of an address at once, and a minute from then on."""
_MOST_MADE: Final = 30
"""Sessions and links that a principal may make in a minute: each is a write of the history."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class Directory:
    """Knows who a credential stands for; `anonymous` are the grants of those without one.

    What they do and are refused is noted in `audit`. A `file` may have tokens too. A principal may
    have `max_per_principal` connections open; 0: no limit. `is_private` tells whether a token may
    be sent to a host. People may come by the tokens of an OpenID provider, the `issuer`.
    """

    def __init__(
        self,
        tokens: Tokens,
        anonymous: Grants,
        audit: Audit | None = None,
        file: TokenFile | None = None,
        *,
        max_per_principal: int = 0,
        is_private: Callable[[str], bool] = lambda _host: True,
        issuer: Issuer | None = None,
    ) -> None:
        self.anonymous = Principal(name=ANONYMOUS, grants=anonymous)
        self.audit = audit or Audit()
        self._tokens = tokens
        self._is_private = is_private
        self._looking = False
        """Whether changes are looked for: not while nobody is known, whom they could concern."""
        self._file = file or TokenFile(None)
        self._issuer = issuer
        self._failures = RateLimit(MOST_FAILURES)
        self.sign_ins = Counter(failed=0, refused=0)
        """Attempts with what is no credential, and those that were refused as too many."""
        self._made = RateLimit(_MOST_MADE)
        self._known: OrderedDict[str, Principal] = OrderedDict()
        """Principals by the hashes of their credentials."""
        self._over: OrderedDict[str, tuple[str, str]] = OrderedDict()
        """Why credentials are good no more, and whose they are; a file may make one good again."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """The addresses of which something is looked up."""
        self._noted: OrderedDict[str, float] = OrderedDict()
        """When a use was noted last."""
        self._tasks = Tasks()
        self._looks = 0
        self.on_change: Callable[[list[Token]], object] | None = None
        """Called with tokens that are new, revoked, or have other grants."""
        self.visitors = Visitors(lambda who: self._known.get(who.hash) is who, max_per_principal)
        self._number: int | None = None
        self._ahead = datetime.now(UTC) - _awake()

    def at_once(self, shown: Shown) -> Principal | None:
        """Return what `recognise` does, if that can be said without a look-up."""
        return None if self._is_in_the_clear(shown) else self.known(shown.first)

    def known(self, credential: str) -> Principal | None:
        """Return the principal of a credential if that can be said without a look-up."""
        if not credential:
            return self.anonymous
        hash_ = digest(credential)
        principal = self._known.get(hash_)
        if principal is None or self._is_over(principal):
            return None
        self._known.move_to_end(hash_)
        return principal

    async def find(self, credential: str, address: str) -> Principal:
        """Return the principal of a credential, which `address` shows.

        Raises Problem: 401 for one that is good no more, 429 after too many of those; of a provider
        403 for somebody who may do nothing here, and 503 while it is away. Raises
        HistoryUnavailable.
        """
        principal = self.known(credential)
        if principal is None:
            principal = await self._look_up(credential, owner(address))
        if principal.is_kept and self._is_unnoted(principal):
            self._tasks.start(self._note(principal))
        return principal

    async def recognise(self, shown: Shown, address: str) -> Principal:
        """Return the principal of what a request shows, which comes from `address`.

        A browser sends its cookies, whether its page wants to or not: with none that is good
        somebody is as anonymous as without. Raises as `find` does, and Problem 400 for a token that
        others may have read on its way.
        """
        token = shown.token or (shown.jwt if self._is_issued(shown.jwt) else "")
        if token and self._is_in_the_clear(shown):
            raise in_the_clear(shown.host)
        if token:
            return await self.find(token, address)
        why = "missing"
        for cookie in shown.cookies:
            try:
                return await self.find(cookie, address)
            except Problem as problem:
                if problem.status != HTTPStatus.UNAUTHORIZED:
                    raise
                why = problem.extra["reason"]
        return msgspec.structs.replace(self.anonymous, why=why)

    def _is_in_the_clear(self, shown: Shown) -> bool:
        return bool(shown.token or shown.jwt) and not self._is_private(shown.host)

    def _is_issued(self, jwt: str) -> bool:
        """Tell whether a JWT is for us: those of a proxy in front are of another issuer."""
        if self._issuer is None or not jwt:
            return False
        return self.known(jwt) is not None or self._issuer.issued(jwt)

    async def _look_up(self, credential: str, address: str) -> Principal:
        """Return the principal of a credential, and remember it; raises as `find` does.

        One of an address is looked up at a time, so that it has ten failures a minute and not as
        many as it has connections.
        """
        if over := self._over.get(digest(credential)):
            raise not_signed_in(*over)
        async with self._turn(address):
            return self.known(credential) or await self._look_up_next(credential, address)

    @asynccontextmanager
    async def _turn(self, address: str) -> AsyncIterator[None]:
        """Wait until nothing else of an address is looked up; raises HistoryUnavailable."""
        turn = self._turns.setdefault(address, asyncio.Lock())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await turn.acquire()
        except TimeoutError as exc:
            raise HistoryUnavailable("others wait for its answer too") from exc
        try:
            yield
        finally:
            turn.release()

    async def _look_up_next(self, credential: str, address: str) -> Principal:
        hash_, by_session, now = digest(credential), credential.startswith(COOKIE), time.monotonic()
        if over := self._over.get(hash_):
            raise not_signed_in(*over)
        self._refuse_guesses(address, now)
        if self._issuer and is_jwt(credential):
            return await self._verify(self._issuer, credential, address)
        in_file = self._file.find(hash_) is not None  # no history is needed then
        looks = -1
        while looks != self._looks:  # a change that was read meanwhile must not be missed
            if not self._looking and not in_file:
                await self.look()
            looks = self._looks
            try:
                principal = await self._read(hash_, by_session=by_session)
            except Problem as problem:
                why = problem.extra["reason"]
                if why == "unknown":
                    self._fail(address, now)
                # Browsers repeat a cookie again and again.
                if why != "unknown" or credential.startswith(IN_COOKIES):
                    _remember(self._over, hash_, (why, problem.principal))
                raise
        if self._number is None and not in_file:
            raise HistoryUnavailable("it is not known what has changed")
        _remember(self._known, hash_, principal)
        return principal

    async def _verify(self, issuer: Issuer, token: str, address: str) -> Principal:
        """Return the principal of a token of the provider, and remember it; raises Problem."""
        hash_ = digest(token)
        try:
            found = await issuer.verify(token, self.now())
        except Problem as problem:
            why = problem.extra.get("reason")
            if why == "expired":
                _remember(self._over, hash_, (why, problem.principal))
            elif problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                self._fail(address, time.monotonic())
            raise
        principal = Principal(
            name=found.name,
            grants=found.grants,
            token=f"{OF_PROVIDER}{found.name}",
            hash=hash_,
            expires=found.expires,
        )
        _remember(self._known, hash_, principal)
        return principal

    async def _read(self, hash_: str, *, by_session: bool) -> Principal:
        """Return the principal of a token or session; raises Problem, and HistoryUnavailable."""
        session: Session | None = None
        if by_session:
            found = await answered(self._tokens.session, hash_)
            session, token = found or (None, None)
            if session and token is None:
                token = self._file.of_id(session.token)
        else:
            token = self._file.find(hash_) or await answered(self._tokens.find, hash_)
        now = self.now()
        if token is None:
            raise not_signed_in("ended" if session else "unknown")
        if token.revoked:
            raise not_signed_in("revoked", token.name)
        if token.expires and token.expires <= now:
            raise not_signed_in("expired", token.name)
        if session and (session.ended or session.expires <= now):
            raise not_signed_in("ended", token.name)
        return _principal(hash_, token, session)

    def _is_over(self, principal: Principal) -> bool:
        return principal.expires is not None and principal.expires <= self.now()

    def _is_unnoted(self, principal: Principal) -> bool:
        """Tell whether the use of a credential is to be noted, which it is now and then."""
        now = time.monotonic()
        if now - self._noted.get(principal.hash, float("-inf")) < _USE_NOTED_SECONDS:
            return False
        _remember(self._noted, principal.hash, now)
        return True

    async def _note(self, principal: Principal) -> None:
        try:
            await answered(self._tokens.use, principal.token, principal.session)
        except HistoryUnavailable as exc:
            log.debug("token.use_not_noted", extra={"reason": exc.reason})

    async def guess(self, address: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` finds out by something that `address` shows and that may be guessed.

        Raises what it raises; a Problem is counted, and is 429 after too many.
        """
        owner_ = owner(address)
        async with self._turn(owner_):
            self._refuse_guesses(owner_, time.monotonic())
            try:
                return await ask()
            except Problem as problem:
                if problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    self._fail(owner_, time.monotonic())
                raise

    def failed(self, address: str) -> Problem:
        """Return the refusal of what cannot be a credential, and count the attempt."""
        now = time.monotonic()
        try:
            self._refuse_guesses(owner(address), now)
        except Problem as problem:
            return problem
        self._fail(owner(address), now)
        return not_signed_in("unknown")

    def _refuse_guesses(self, address: str, now: float) -> None:
        """Raise Problem if an address has failed too often."""
        if wait := self._failures.wait(address, now):
            self.sign_ins["refused"] += 1
            raise too_many(wait)

    def _fail(self, address: str, now: float) -> None:
        self.sign_ins["failed"] += 1
        self._failures.take(address, now)

    async def sign_in(self, who: Principal) -> tuple[str, Principal]:
        """Begin a session of a principal; return its secret, and the principal in it.

        Raises Problem when there are too many in a minute, and HistoryUnavailable.
        """
        self._count_made(who.name)
        secret = await answered(self._tokens.sign_in, who.token)
        return secret, await self.find(secret, "")

    async def sign_in_person(self, who: Identity, lifetime: timedelta) -> tuple[str, Principal]:
        """Begin a session of somebody whom a provider knows, which lasts for `lifetime`.

        Returns and raises as `sign_in` does.
        """
        self._count_made(who.name)
        secret = await answered(self._tokens.sign_in_person, who.name, who.grants, lifetime)
        return secret, await self.find(secret, "")

    async def sign_out(self, session: str) -> None:
        """End a session, and close what it has open; raises HistoryUnavailable."""
        await answered(self._tokens.sign_out, session)
        self.forget(session)

    async def share(self, who: Principal, area: Area, lifetime: timedelta) -> tuple[Token, str]:
        """Make a link by which everybody may read an area, but no longer than `who` is known.

        Raises Problem when there are too many, and HistoryUnavailable.
        """
        self._count_made(who.name)
        if who.expires:
            lifetime = min(lifetime, who.expires - self.now())
        name = f"{LINK_NAME}{secrets.token_hex(4)}"
        grants = Grants([Grant("read", area)])
        try:
            return await answered(self._tokens.add, name, grants, lifetime, LINK)
        except TooManyLinks as exc:
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-links", str(exc)) from exc

    def _count_made(self, name: str) -> None:
        if wait := self._made.take(name, time.monotonic()):
            raise too_many(wait)

    def now(self) -> datetime:
        """Return the time of the database, as of the last look and by our own clock since."""
        return self._ahead + _awake()

    @property
    def has_looked(self) -> bool:
        """Whether it hears of changes: those before its first look it does not."""
        return self._number is not None

    @property
    def remembered(self) -> int:
        """How many tokens and sessions are remembered."""
        return len(self._known)

    @property
    def in_file(self) -> int:
        """How many tokens the file has."""
        return len(self._file)

    def of_file(self, name: str) -> Token | None:
        """Return the token of a name in the file."""
        return self._file.of_name(name)

    async def run(self) -> None:
        """Look for changes, of the history every 3 s, until cancelled."""
        try:
            async with asyncio.TaskGroup() as looking:
                looking.create_task(_keep_looking(self._look_for_those_known, LOOK_SECONDS))
                if self._file.exists:  # apart, as a look at a frozen database takes 10 s
                    looking.create_task(_keep_looking(self.look_at_file, FILE_LOOK_SECONDS))
        finally:
            await self._tasks.cancel()

    async def look_at_file(self) -> None:
        """Read the file of tokens if it has changed, and close what has to end."""
        changed = await asyncio.to_thread(self._file.look)
        if changed is not None:
            self._over.clear()  # one that had expired may be good again
            for token in changed:
                if token.revoked:
                    _remember(self._over, token.hash, ("revoked", token.name))
            self._take({token.id: token for token in changed}, {})

    async def _look_for_those_known(self) -> None:
        """Look, unless it is for nobody: a thread that asks costs the events sent meanwhile."""
        self._looking = bool(self._known or self.visitors or self.on_change)
        if self._looking:
            await self.look()

    async def look(self) -> None:
        """Read what changed since the last look, and close what has to end."""
        try:
            changes = await answered(self._tokens.changes, self._number)
        except HistoryUnavailable as exc:
            log.debug("token.no_news", extra={"reason": exc.reason})
        else:
            self._number = changes.number
            self._looking = True
            self._ahead = changes.now - _awake()
            tokens = {token.id: token for token in changes.tokens}
            self._take(tokens, {session.hash: session for session in changes.sessions})
        await self._end_expired()

    def _take(self, tokens: dict[str, Token], sessions: dict[str, Session]) -> None:
        """Take note of what has changed: tokens by their ids, and sessions by their hashes."""
        self._looks += 1
        if tokens and self.on_change:
            self.on_change(list(tokens.values()))
        for hash_, principal in list(self._known.items()):
            token = tokens.get(principal.token)
            if principal.session in sessions or (token and differs(token, principal)):
                del self._known[hash_]
        self.visitors.take(tokens, sessions, self.now())

    async def _end_expired(self) -> None:
        """Close what has expired; a session that was used meanwhile goes on."""
        for holder, principal in self.visitors.over(self.now()):
            try:
                if not principal.session:
                    raise not_signed_in("expired")
                fresh = await self._read(principal.session, by_session=True)
            except Problem as problem:
                self.visitors.close(holder, problem.extra["reason"])
            except HistoryUnavailable:
                continue  # nobody knows: it is asked again
            else:
                self.visitors.renew(holder, fresh)

    def forget(self, session: str) -> None:
        """Close what a session has open here at once: its owner has signed out."""
        self._known.pop(session, None)
        self.visitors.end(session)


def too_many(wait: float) -> Problem:
    """Return the refusal of an address that has failed too often, or who makes too much."""
    seconds = max(1, round(wait))
    detail = f"Too many attempts in a minute: try again in {seconds} s."
    headers = {"Retry-After": str(seconds)}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-attempts", detail, headers=headers)


def _remember(known: OrderedDict[str, T], hash_: str, value: T) -> None:
    """Remember something of a credential; if it is too much, forget what came first."""
    known[hash_] = value
    known.move_to_end(hash_)
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


def _principal(hash_: str, token: Token, session: Session | None) -> Principal:
    ends = [each for each in (token.expires, session.expires if session else None) if each]
    return Principal(
        name=token.name,
        grants=token.grants,
        token=token.id,
        hash=hash_,
        session=session.hash if session else "",
        expires=min(ends, default=None),
    )


async def _keep_looking(look: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await look()
        await asyncio.sleep(seconds)


def _awake() -> timedelta:
    return timedelta(seconds=time.monotonic())
