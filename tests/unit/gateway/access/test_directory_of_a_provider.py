"""The directory, and people of an OpenID provider: their tokens expire, their sessions end."""

from datetime import datetime, timedelta
from http import HTTPStatus

import pytest

from buildfeed.grants import Grants
from buildfeed.history.tokens import digest
from gateway.access import principal
from gateway.access.credentials import Shown
from gateway.access.directory import MOST_FAILURES, Directory
from gateway.access.identity import Identity
from gateway.problems import Problem
from support.held_tokens import Held
from support.samples import NOW

HERE = "192.0.2.1"
VIEWER = Grants.parse(["viewer@acme"])
HOUR = timedelta(hours=1)
OURS, FOREIGN, BAD = "eyJh.ours.x", "eyJh.foreign.x", "eyJh.ours-bad.x"


class Known:
    """Knows every token that says `ours`, until an hour after the samples."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal: Problem | None = None

    def issued(self, token: str) -> bool:
        return "ours" in token

    async def verify(self, token: str, _now: datetime) -> Identity:
        self.asked.append(token)
        if self.refusal:
            raise self.refusal
        if token != OURS:
            raise principal.not_signed_in("unknown")
        return Identity("oidc-ada", VIEWER, NOW + HOUR)


@pytest.fixture
def issuer() -> Known:
    return Known()


@pytest.fixture
async def directory(tokens: Held, issuer: Known) -> Directory:
    return Directory(tokens, Grants(), issuer=issuer)


class Open:
    def __init__(self, directory: Directory, who: principal.Principal) -> None:
        self.closed: list[str] = []
        directory.visitors.enter(self, who, self.closed.append)


async def test_a_token_of_the_provider_is_verified_once(
    directory: Directory, issuer: Known, tokens: Held
) -> None:
    await directory.look()
    for _ in range(3):
        who = await directory.recognise(Shown(jwt=OURS), HERE)
        assert (who.name, who.grants, who.anonymous) == ("oidc-ada", VIEWER, False)
    assert issuer.asked == [OURS]
    assert directory.known(OURS) == who
    assert "use" not in tokens.asked


async def test_the_history_may_be_away(directory: Directory, tokens: Held) -> None:
    tokens.down = True
    assert (await directory.find(OURS, HERE)).name == "oidc-ada"


async def test_a_token_of_a_proxy_in_front_is_ignored(
    directory: Directory, issuer: Known, tokens: Held
) -> None:
    token, _ = tokens.add("bob", VIEWER)
    session = tokens.sign_in(token.id)
    assert (await directory.recognise(Shown(jwt=FOREIGN), HERE)).anonymous
    shown = Shown(jwt=FOREIGN, cookies=(session,))
    assert (await directory.recognise(shown, HERE)).name == "bob"
    assert (await directory.recognise(Shown(jwt=OURS, cookies=(session,)), HERE)).name == "oidc-ada"
    assert issuer.asked == [OURS]


async def test_one_that_is_said_to_be_ours_is_refused(directory: Directory) -> None:
    for shown in (Shown(jwt=BAD), Shown(token=BAD), Shown(token=FOREIGN)):
        with pytest.raises(Problem) as problem:
            await directory.recognise(shown, HERE)
        assert problem.value.extra["reason"] == "unknown"


async def test_one_that_comes_in_the_clear_is_refused_and_that_of_a_proxy_is_not(
    tokens: Held, issuer: Known
) -> None:
    directory = Directory(tokens, Grants(), issuer=issuer, is_private=lambda host: host == "safe")
    await directory.look()
    safe, open_ = Shown(jwt=OURS, host="safe"), Shown(jwt=OURS, host="open")
    assert (await directory.recognise(safe, HERE)).name == "oidc-ada"
    assert directory.at_once(safe)
    assert directory.at_once(open_) is None
    with pytest.raises(Problem) as problem:
        await directory.recognise(open_, HERE)
    assert problem.value.slug == "needs-https"
    foreign = Shown(jwt=FOREIGN, host="open")
    assert (await directory.recognise(foreign, HERE)).anonymous


async def test_it_closes_what_is_open_when_it_expires(directory: Directory, tokens: Held) -> None:
    await directory.look()
    opened = Open(directory, await directory.find(OURS, HERE))
    await directory.look()
    assert opened.closed == []
    tokens.at += HOUR
    await directory.look()
    assert opened.closed == ["expired"]
    assert directory.known(OURS) is None


async def test_failures_count_and_a_provider_that_is_away_does_not(
    directory: Directory, issuer: Known
) -> None:
    for _ in range(MOST_FAILURES + 1):
        issuer.refusal = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "provider-unavailable", "Away.")
        with pytest.raises(Problem):
            await directory.find(OURS, HERE)
    issuer.refusal = None
    for _ in range(MOST_FAILURES):
        with pytest.raises(Problem):
            await directory.find(BAD, HERE)
    with pytest.raises(Problem) as problem:
        await directory.find(OURS, HERE)
    assert problem.value.slug == "too-many-attempts"


async def test_one_that_has_expired_is_not_verified_again(
    directory: Directory, issuer: Known
) -> None:
    issuer.refusal = principal.not_signed_in("expired")
    for _ in range(MOST_FAILURES + 1):
        with pytest.raises(Problem) as problem:
            await directory.find(OURS, HERE)
        assert problem.value.extra["reason"] == "expired"
    assert issuer.asked == [OURS]


# --- sessions


async def test_a_session_has_the_grants_of_its_sign_in_and_does_not_slide(
    directory: Directory, tokens: Held
) -> None:
    secret, who = await directory.sign_in_person(Identity("oidc-ada", VIEWER, NOW), 12 * HOUR)
    assert (who.name, who.grants, who.expires) == ("oidc-ada", VIEWER, NOW + 12 * HOUR)
    opened = Open(directory, who)
    tokens.at += 11 * HOUR
    tokens.use(who.token, who.session)
    await directory.look()
    assert (await directory.find(secret, HERE)).expires == NOW + 12 * HOUR
    tokens.at += HOUR
    await directory.look()
    assert opened.closed == ["ended"]
    with pytest.raises(Problem) as problem:
        await directory.find(secret, HERE)
    assert problem.value.extra["reason"] == "ended"


async def test_it_goes_on_at_another_process(directory: Directory, tokens: Held) -> None:
    secret, _ = await directory.sign_in_person(Identity("oidc-ada", VIEWER, NOW), HOUR)
    another = Directory(tokens, Grants())
    assert (await another.find(secret, HERE)).name == "oidc-ada"
    await directory.sign_out(digest(secret))
    await another.look()
    with pytest.raises(Problem):
        await another.find(secret, HERE)


async def test_to_revoke_a_name_ends_its_sessions(directory: Directory, tokens: Held) -> None:
    opened = [
        Open(directory, (await directory.sign_in_person(Identity(name, VIEWER, NOW), HOUR))[1])
        for name in ("oidc-ada", "oidc-ada", "oidc-bob")
    ]
    assert tokens.revoke("oidc-ada") == 2
    assert tokens.revoke("oidc-ada") == 0
    await directory.look()
    assert [each.closed for each in opened] == [["ended"], ["ended"], []]


async def test_a_person_has_so_many_sessions(
    directory: Directory, tokens: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("buildfeed.history.tokens.MOST_SESSIONS", 3)
    first, _ = await directory.sign_in_person(Identity("oidc-ada", VIEWER, NOW), HOUR)
    for _ in range(3):
        tokens.at += timedelta(milliseconds=1)
        tokens.sign_in_person("oidc-ada", VIEWER, HOUR)
    found = tokens.session(digest(first))
    assert found
    assert found[0].ended


async def test_a_person_makes_thirty_sessions_a_minute(directory: Directory) -> None:
    who = Identity("oidc-ada", VIEWER, NOW)
    for _ in range(30):
        await directory.sign_in_person(who, HOUR)
    with pytest.raises(Problem) as problem:
        await directory.sign_in_person(who, HOUR)
    assert problem.value.slug == "too-many-attempts"


# --- what may be guessed


async def test_guesses_are_counted(directory: Directory) -> None:
    async def wrong() -> None:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-sign-in", "No.")

    for _ in range(MOST_FAILURES):
        with pytest.raises(Problem, match="No"):
            await directory.guess(HERE, wrong)
    with pytest.raises(Problem, match="Too many"):
        await directory.guess(HERE, wrong)
