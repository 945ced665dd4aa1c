"""A file of tokens is read again when it has changed, and keeps what it had when it is broken."""

import logging
from pathlib import Path

import pytest

from gateway.access.token_entries import MAX_BYTES, InvalidTokens
from gateway.access.token_file import TokenFile, read


def entry(name: str, grants: str = "operate", hash_: str = "") -> str:
    return f'[{name}]\nhash = "{hash_ or name[0] * 64}"\ngrants = ["{grants}"]\n'


class Edited:
    """A file, and what a gateway knows of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write(entry("ada"), entry("bea"))
        self.tokens = TokenFile(path)

    def write(self, *entries: str) -> None:
        """Write it at once, as `mv` does: also with the same size, it is another."""
        new = self.path.with_suffix(".new")
        new.write_text("\n".join(entries))
        new.replace(self.path)

    def looks(self) -> list[tuple[str, bool]]:
        """Look until it is taken; return names of the tokens that were in it, and if revoked."""
        changed = [each for _ in range(2) for each in self.tokens.look() or ()]
        return sorted((each.name, each.revoked is not None) for each in changed)

    @property
    def names(self) -> list[str]:
        found = (self.tokens.find(letter * 64) for letter in "abcdef")
        return [each.name for each in found if each]


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    return Edited(tmp_path / "tokens.toml")


def test_it_is_known_from_the_start(edited: Edited) -> None:
    assert edited.names == ["ada", "bea"]
    assert len(edited.tokens) == 2
    ada = edited.tokens.find("a" * 64)
    assert ada
    assert edited.tokens.of_id(ada.id) is ada
    assert edited.tokens.look() is None


def test_without_a_file_there_are_no_tokens() -> None:
    tokens = TokenFile(None)
    assert not tokens.exists
    assert tokens.look() is None
    assert tokens.find("a" * 64) is None


def test_one_that_is_removed_is_revoked(edited: Edited) -> None:
    edited.write(entry("bea"))
    assert edited.looks() == [("ada", True), ("bea", False)]
    assert edited.names == ["bea"]
    assert edited.looks() == []


def test_one_that_is_added_is_known(edited: Edited) -> None:
    edited.write(entry("ada"), entry("bea"), entry("cid"))
    edited.looks()
    assert edited.names == ["ada", "bea", "cid"]


def test_one_with_another_secret_is_another(edited: Edited) -> None:
    edited.write(entry("ada", hash_="c" * 64), entry("bea"))
    assert edited.looks() == [("ada", True), ("bea", False)]
    assert edited.tokens.find("a" * 64) is None


def test_other_grants_are_those_of_the_same_token(edited: Edited) -> None:
    before = edited.tokens.find("a" * 64)
    edited.write(entry("ada", "viewer@acme"), entry("bea"))
    assert edited.looks() == [("ada", False), ("bea", False)]
    after = edited.tokens.find("a" * 64)
    assert before
    assert after
    assert before.id == after.id
    assert before.grants != after.grants


def test_what_is_being_written_is_not_taken_for_all(edited: Edited) -> None:
    """An editor that truncates a file and writes it would sign everybody out for a moment."""
    edited.path.write_text("")
    assert edited.tokens.look() is None  # seen for the first time
    edited.path.write_text(entry("ada"))
    assert edited.tokens.look() is None
    edited.path.write_text(entry("ada") + entry("bea") + entry("cid"))
    assert edited.looks() == [("ada", False), ("bea", False)]
    assert edited.names == ["ada", "bea", "cid"]


@pytest.mark.parametrize("broken", ["[ada", "missing", "a folder", "too large", "\udcff"])
def test_what_cannot_be_read_changes_nothing_and_is_said_once(
    edited: Edited, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    edited.path.unlink()
    if broken == "a folder":
        edited.path.mkdir()
    elif broken == "too large":
        edited.path.write_bytes(b"#" * (MAX_BYTES + 1))
    elif broken != "missing":
        edited.path.write_text(broken, errors="surrogateescape")
    for _ in range(5):
        edited.looks()
    assert edited.names == ["ada", "bea"]
    assert [record.message for record in caplog.records] == ["token.file_unreadable"]
    with pytest.raises(InvalidTokens):
        read(edited.path)
    if broken == "a folder":
        edited.path.rmdir()
    edited.write(entry("bea"))
    assert edited.looks() == [("ada", True), ("bea", False)]
    assert [record.message for record in caplog.records][1:] == ["token.file_read"]


def test_one_that_is_broken_at_the_start_has_none_until_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    tokens = TokenFile(path)
    assert not len(tokens)
    path.write_text(entry("ada"))
    for _ in range(2):
        tokens.look()
    assert len(tokens) == 1


def test_a_file_that_may_be_read_again_is_read(edited: Edited) -> None:
    """To change who may read it changes neither its size nor its time."""
    edited.write(entry("cid"))
    edited.path.chmod(0)
    edited.looks()
    edited.path.chmod(0o600)
    edited.looks()
    assert edited.names == ["cid"]
