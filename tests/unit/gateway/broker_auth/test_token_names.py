"""Tokens by their names."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from buildfeed.errors import HistoryUnavailable
from buildfeed.grants import EVERYTHING, Grants
from buildfeed.history.tokens import Tokens, digest, new_secret
from buildfeed.secret_kinds import BEARER, LINK
from gateway.access.directory import Directory
from gateway.access.token_file import TokenFile
from gateway.broker_auth.token_names import TokenNames

GRANTS = Grants.parse(["viewer@acme"])


async def test_one_logs_in_with_ones_own_token(tokens: Tokens, token_names: TokenNames) -> None:
    _, secret = tokens.add("ada", GRANTS)
    _, other = tokens.add("bob", GRANTS)
    assert await token_names.log_in("ada", secret)
    for name, wrong in [("ada", other), ("bob", secret), ("ada", ""), ("eve", secret), ("", "")]:
        assert not await token_names.log_in(name, wrong)


async def test_a_login_counts_as_a_use(
    tokens: Tokens, directory: Directory, token_names: TokenNames
) -> None:
    _, secret = tokens.add("ada", GRANTS)
    assert await token_names.log_in("ada", secret)
    async with asyncio.timeout(5):
        while tokens.all()[0].used is None:  # noqa: ASYNC110 - it is noted by a task
            await asyncio.sleep(0.005)


async def test_what_was_revoked_is_good_no_more(
    tokens: Tokens, directory: Directory, token_names: TokenNames
) -> None:
    heard: list[set[str]] = []
    token_names.on_change = heard.append
    _, secret = tokens.add("ada", GRANTS)
    assert await token_names.log_in("ada", secret)
    tokens.revoke("ada")
    await directory.look()
    assert heard == [{"ada"}]
    assert await token_names.good("ada") is None
    assert not await token_names.log_in("ada", secret)


async def test_a_new_token_of_a_name_has_its_own_grants(
    tokens: Tokens, directory: Directory, token_names: TokenNames
) -> None:
    tokens.add("ada", GRANTS)
    assert await token_names.good("ada")
    tokens.revoke("ada")
    tokens.add("ada", Grants.parse(["viewer@other"]))
    await directory.look()
    token = await token_names.good("ada")
    assert token
    assert token.grants == Grants.parse(["viewer@other"])


async def test_one_that_is_remembered_expires_all_the_same(
    tokens: Tokens, directory: Directory, token_names: TokenNames
) -> None:
    tokens.add("ada", GRANTS, timedelta(hours=1))
    assert await token_names.good("ada")
    directory._ahead += timedelta(hours=2)
    assert await token_names.good("ada") is None


async def test_no_name_is_not_looked_up(tokens: Tokens, token_names: TokenNames) -> None:
    tokens.good = lambda _name: pytest.fail("looked up")
    for name in ("", "Ada", "a.b", "bf_" + "Aa" * 16, "x" * 65, "'; --"):
        assert await token_names.good(name) is None


async def test_who_is_remembered_needs_no_history(tokens: Tokens, token_names: TokenNames) -> None:
    tokens.add("ada", GRANTS)
    assert await token_names.good("ada")

    def away(_name: str) -> None:
        raise HistoryUnavailable("away")

    tokens.good = away
    assert await token_names.good("ada")
    with pytest.raises(HistoryUnavailable):
        await token_names.good("bob")


async def test_one_revoked_while_it_is_looked_up_is_not_remembered(
    tokens: Tokens, directory: Directory, token_names: TokenNames
) -> None:
    tokens.add("ada", GRANTS)
    await directory.look()
    before = tokens.good("ada")
    assert before
    token_names._change(before)  # hears of it while the next line is on its way
    assert await token_names.good("ada")
    assert "ada" in token_names._known
    token_names._known.clear()

    def named(name: str) -> object:
        token_names._change(before)
        return before

    tokens.good = named
    await token_names.good("ada")
    assert "ada" not in token_names._known


async def test_a_link_is_no_login(tokens: Tokens, token_names: TokenNames) -> None:
    token, secret = tokens.add("share-1", GRANTS, timedelta(hours=1), LINK)
    assert await token_names.good(token.name)
    assert not await token_names.log_in(token.name, secret)


async def test_tokens_of_the_file_log_in_and_what_changes_there_is_told(
    tokens: Tokens, tmp_path: Path
) -> None:
    secret = new_secret(BEARER)
    path = tmp_path / "tokens.toml"

    def write(grant: str, name: str = "ada") -> None:
        path.write_text(f'[{name}]\nhash = "{digest(secret)}"\ngrants = ["{grant}"]\n')

    async def looked() -> list[set[str]]:
        heard.clear()
        for _ in range(2):  # what two looks find the same is read
            await directory.look_at_file()
        return [each for each in heard if each]

    write("viewer@acme")
    directory = Directory(tokens, EVERYTHING, file=TokenFile(path))
    token_names = TokenNames(tokens, directory)
    heard: list[set[str]] = []
    token_names.on_change = heard.append
    assert await token_names.log_in("ada", secret)
    assert not await token_names.log_in("bob", secret)
    write("viewer@another")
    assert await looked() == [{"ada"}]
    assert await token_names.log_in("ada", secret)
    write("viewer@another", "bob")
    assert await looked() == [{"ada"}]
    assert not await token_names.log_in("ada", secret)


async def test_both_tokens_of_a_renewed_name_log_in_until_the_old_one_ends(
    tokens: Tokens, directory: Directory, token_names: TokenNames
) -> None:
    _, old = tokens.add("ada", GRANTS)
    assert await token_names.log_in("ada", old)
    _, new, _ = tokens.renew("ada", None, timedelta(hours=1))
    heard: list[set[str]] = []
    token_names.on_change = heard.append
    assert await token_names.log_in("ada", new)  # at once, though the old one was remembered
    assert await token_names.log_in("ada", old)
    assert heard == [set()]
    directory._ahead += timedelta(hours=1)
    assert not await token_names.log_in("ada", old)
    assert await token_names.log_in("ada", new)
    assert heard == [set(), {"ada"}]  # nobody knows who has come by which


async def test_one_renewed_without_an_overlap_is_told_at_once(
    tokens: Tokens, directory: Directory, token_names: TokenNames
) -> None:
    _, old = tokens.add("ada", GRANTS)
    assert await token_names.log_in("ada", old)
    heard: list[set[str]] = []
    token_names.on_change = heard.append
    tokens.renew("ada", None, timedelta())
    await directory.look()
    assert heard == [{"ada"}]
    assert not await token_names.log_in("ada", old)


async def test_wrong_secrets_cost_few_looks(
    tokens: Tokens, directory: Directory, token_names: TokenNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], directory.look

    async def looked() -> None:
        looks.append(1)
        await look()

    monkeypatch.setattr(directory, "look", looked)
    await directory.look()
    tokens.add("ada", GRANTS)
    for _ in range(100):
        for name in ("ada", "nobody"):
            assert not await token_names.log_in(name, new_secret(BEARER))
    assert len(looks) == 1 + 10
