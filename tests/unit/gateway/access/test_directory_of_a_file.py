"""The tokens of a file are as good as those of the history, also while that is away."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from buildfeed.grants import Grants
from buildfeed.history.store import Store
from buildfeed.history.tokens import digest, new_secret
from buildfeed.secret_kinds import BEARER
from gateway.access.audit import Audit
from gateway.access.directory import MOST_FAILURES, Directory
from gateway.access.token_file import TokenFile
from gateway.problems import Problem

ADA, BEA = new_secret(BEARER), new_secret(BEARER)
ADDRESS = "10.0.0.1"


def entry(name: str, secret: str, grants: str = "viewer@acme", more: str = "") -> str:
    return f'[{name}]\nhash = "{digest(secret)}"\ngrants = ["{grants}"]\n{more}\n'


class Site:
    """A directory whose tokens are in a file, and sessions in a history."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        path.write_text(entry("ada", ADA))
        self.store = Store(url)
        self.directory = Directory(self.store.tokens(), Grants(), Audit(), TokenFile(path))
        self.left: list[str] = []

    async def edit(self, *entries: str) -> None:
        self.path.write_text("".join(entries))
        for _ in range(2):
            await self.directory.look_at_file()

    async def refused(self, secret: str) -> str:
        with pytest.raises(Problem) as caught:
            await self.directory.find(secret, ADDRESS)
        return str(caught.value.extra.get("reason", caught.value.slug))

    async def enter(self, secret: str) -> None:
        who = await self.directory.find(secret, ADDRESS)
        self.directory.visitors.enter(object(), who, self.left.append)


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path) -> Iterator[Site]:
    copy = tmp_path / "history.db"
    copy.write_bytes(sqlite_template.read_bytes())
    made = Site(tmp_path / "tokens.toml", f"sqlite:///{copy}")
    with closing(made.store):
        yield made


def run(test: Callable[[Site], Awaitable[None]], site: Site) -> None:
    asyncio.run(test(site))  # type: ignore[arg-type]


def test_a_token_of_the_file_is_a_principal(site: Site) -> None:
    async def test(site: Site) -> None:
        who = await site.directory.find(ADA, ADDRESS)
        assert who.name == "ada"
        assert who.grants == Grants.parse(["viewer@acme"])
        assert site.directory.in_file == site.directory.remembered == 1
        assert await site.refused(BEA) == "unknown"

    run(test, site)


def test_it_is_known_while_the_history_is_away(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        assert (await site.directory.find(ADA, ADDRESS)).name == "ada"

    path = tmp_path / "tokens.toml"
    run(test, Site(path, "postgresql+psycopg://127.0.0.1:1/x"))


def test_what_it_has_open_is_closed_when_it_is_removed(site: Site) -> None:
    async def test(site: Site) -> None:
        await site.enter(ADA)
        await site.edit(entry("ada", ADA), entry("bea", BEA))
        assert site.left == []
        await site.edit(entry("bea", BEA))
        assert site.left == ["revoked"]
        assert await site.refused(ADA) == "revoked"
        assert (await site.directory.find(BEA, ADDRESS)).name == "bea"

    run(test, site)


def test_one_that_comes_back_is_good_again(site: Site) -> None:
    async def test(site: Site) -> None:
        await site.directory.find(ADA, ADDRESS)
        await site.edit("")
        assert await site.refused(ADA) == "revoked"
        await site.edit(entry("ada", ADA))
        assert (await site.directory.find(ADA, ADDRESS)).name == "ada"

    run(test, site)


def test_other_grants_close_what_is_open(site: Site) -> None:
    async def test(site: Site) -> None:
        await site.enter(ADA)
        await site.edit(entry("ada", ADA, "viewer@beta"))
        assert site.left == ["changed"]
        who = await site.directory.find(ADA, ADDRESS)
        assert who.grants == Grants.parse(["viewer@beta"])

    run(test, site)


def test_an_earlier_end_closes_what_is_open_and_a_later_one_is_good_again(site: Site) -> None:
    async def test(site: Site) -> None:
        await site.enter(ADA)
        await site.edit(entry("ada", ADA, more="expires = 2098-01-01T00:00:00Z"))
        assert site.left == []
        await site.edit(entry("ada", ADA, more="expires = 2020-01-01T00:00:00Z"))
        assert site.left == ["expired"]
        assert await site.refused(ADA) == "expired"
        await site.edit(entry("ada", ADA, more="expires = 2099-01-01T00:00:00Z"))
        assert (await site.directory.find(ADA, ADDRESS)).expires

    run(test, site)


def test_a_browser_signs_in_by_it_and_is_signed_out_with_it(site: Site) -> None:
    async def test(site: Site) -> None:
        who = await site.directory.find(ADA, ADDRESS)
        cookie, signed_in = await site.directory.sign_in(who)
        assert (signed_in.name, signed_in.grants) == (who.name, who.grants)
        await site.enter(cookie)
        other = Directory(  # that of another process, which reads the same file
            site.store.tokens(), Grants(), Audit(), TokenFile(site.path)
        )
        assert (await other.find(cookie, ADDRESS)).name == "ada"
        await site.edit(entry("bea", BEA))
        assert site.left == ["revoked"]
        assert await site.refused(cookie) == "ended"
        fresh = Directory(site.store.tokens(), Grants(), Audit(), TokenFile(site.path))
        with pytest.raises(Problem):
            await fresh.find(cookie, ADDRESS)

    run(test, site)


def test_both_sources_are_asked(site: Site) -> None:
    async def test(site: Site) -> None:
        tokens = site.store.tokens()
        _, secret = await asyncio.to_thread(
            tokens.add, "bob", Grants.parse(["operate"]), timedelta(days=1)
        )
        assert (await site.directory.find(secret, ADDRESS)).name == "bob"
        assert (await site.directory.find(ADA, ADDRESS)).name == "ada"

    run(test, site)


def test_failures_are_counted(site: Site) -> None:
    async def test(site: Site) -> None:
        for _ in range(MOST_FAILURES + 3):
            await site.refused(new_secret(BEARER))
        assert site.directory.sign_ins["failed"] == MOST_FAILURES
        assert site.directory.sign_ins["refused"] == 3

    run(test, site)
