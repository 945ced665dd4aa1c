"""`buildfeed token`, `can` and `audit`, by a history in a file."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from buildfeed.cli.can import answer
from buildfeed.cli.commands import main
from buildfeed.grants import Grants
from buildfeed.history.store import Store
from buildfeed.history.tokens import digest
from gateway.access.token_entries import parse

SECRET = r"bf_[0-9A-Za-z]{32}"


class Terminal:
    """Commands with the data folder `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"BUILDFEED_DATA_DIR": str(folder)}

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env=self.env)

    def says(self, *arguments: str, code: int = 0) -> str:
        result = self.run(*arguments)
        assert result.exit_code == code, result.output
        return result.output if code else result.stdout

    @property
    def store(self) -> Store:
        return Store(f"sqlite:///{self.folder}/history.db")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "data")


def test_a_token_and_its_login_link_are_printed_once(terminal: Terminal) -> None:
    token, link = terminal.says("token", "add", "ada", "builder@acme", "viewer@*").split()
    assert re.fullmatch(SECRET, token)
    assert link == f"http://127.0.0.1:8000/login#{token}"
    found = terminal.store.tokens().find(digest(token))
    assert found
    assert found.grants == Grants.parse(["builder@acme", "viewer@*"])
    assert found.expires
    assert (found.expires - found.created).days == 90
    for command in (["token", "list"], ["token", "list", "--json"], ["audit"]):
        assert token not in terminal.says(*command)


@pytest.mark.parametrize(
    ("options", "before"),
    [
        (["--origin", "https://builds.example"], "https://builds.example/login#"),
        (["--port", "8080", "--root-path", "ci"], "http://127.0.0.1:8080/ci/login#"),
    ],
)
def test_the_link_leads_to_where_the_gateway_is(
    terminal: Terminal, options: list[str], before: str
) -> None:
    _, link = terminal.says("token", "add", "ada", "operator", *options).split()
    assert link.startswith(f"{before}bf_")


def test_the_link_knows_the_settings_in_the_environment(terminal: Terminal) -> None:
    terminal.env |= {"BUILDFEED_ORIGINS": "https://one.example https://two.example"}
    _, link = terminal.says("token", "add", "ada", "operator").split()
    assert link.startswith("https://one.example/login#bf_")


def test_a_token_of_0_days_never_expires(terminal: Terminal) -> None:
    terminal.says("token", "add", "ada", "operator", "--days", "0")
    ((token),) = terminal.store.tokens().all()
    assert token.expires is None
    assert "never" in terminal.says("token", "list")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ada", "owner@acme"], "Grant 'owner@acme' is refused: a grant is read:FILTER"),
        (["ada", "viewer@Acme"], "after it comes the name of a project, or *"),
        (["ada", "read:workers/#"], "Grant 'read:workers/#' is refused"),
        (["Ada", "operator"], "'Ada' is no token name: 1 to 64 characters"),
        (["anonymous", "operator"], "anonymous is everybody without a token"),
        (["oidc-ada", "operator"], "people who come by an OpenID provider"),
        (["ada", "operator", "--days", "-1"], "-1 is not in the range"),
        (["ada"], "Missing argument 'GRANT...'"),
    ],
)
def test_wrong_input_is_told_in_one_sentence_and_makes_nothing(
    terminal: Terminal, arguments: list[str], sentence: str
) -> None:
    assert sentence in terminal.says("token", "add", *arguments, code=2)
    assert not terminal.folder.exists()


def test_a_name_in_use_is_refused_until_it_is_revoked(terminal: Terminal) -> None:
    terminal.says("token", "add", "ada", "operator")
    told = terminal.says("token", "add", "ada", "operator", code=1)
    sentence = "There is a token 'ada' already: renew it, revoke it, or choose another name."
    assert told == f"Error: {sentence}\n"
    terminal.says("token", "revoke", "ada")
    terminal.says("token", "add", "ada", "operator")
    revoked = [token.revoked is not None for token in terminal.store.tokens().all()]
    assert revoked == [True, False]


def test_what_is_not_there_cannot_be_revoked(terminal: Terminal) -> None:
    terminal.says("token", "add", "ada", "operator")
    terminal.says("token", "revoke", "ada")
    for name in ("ada", "bob"):
        told = terminal.says("token", "revoke", name, code=1)
        assert told == f"Error: There is no token '{name}' that is good.\n"


def test_a_token_is_renewed_and_both_are_listed(terminal: Terminal) -> None:
    terminal.says("token", "add", "ada", "viewer@acme")
    result = terminal.run("token", "renew", "ada", "--days", "30")
    secret, link = result.stdout.split()
    assert link == f"http://127.0.0.1:8000/login#{secret}"
    assert "viewer@acme" not in result.stderr
    assert re.search(
        r"The token ada: read:builds/acme/#, until .*, the old one is good until 2", result.stderr
    )
    old, new = json.loads(terminal.says("token", "list", "--json"))
    assert (old["name"], old["grants"]) == (new["name"], new["grants"])
    assert old["expires"] < new["expires"]
    told = terminal.says("token", "renew", "ada", code=1)
    assert told.startswith("Error: The token 'ada' was renewed, and its old secret is good until 2")
    assert "has ended" in terminal.run("token", "renew", "ada", "--overlap-hours", "0").stderr
    terminal.says("can", "ada", "read", "builds/acme/#")
    terminal.says("token", "revoke", "ada")
    told = terminal.says("token", "renew", "ada", code=1)
    assert told == "Error: There is no token 'ada' that is good.\n"
    assert '"action":"token-renew"' in terminal.says("audit", "--json")


@pytest.mark.parametrize(
    "command", [["token", "list"], ["token", "revoke", "ada"], ["audit"]], ids=" ".join
)
def test_without_a_history_none_is_made(terminal: Terminal, command: list[str]) -> None:
    told = terminal.says(*command, code=1)
    assert told.startswith(f"Error: There is no history in {terminal.folder}/history.db: ")
    assert not terminal.folder.exists()
    told = terminal.says(*command, "--database-url", "postgresql://127.0.0.1:1/x", code=1)
    assert told.startswith("Error: The history database cannot be used: ")
    assert told.count("\n") == 1


def test_the_list_has_every_token(terminal: Terminal) -> None:
    terminal.says("token", "add", "ada", "viewer@acme")
    terminal.says("token", "add", "bob", "operate", "--days", "0")
    terminal.says("token", "revoke", "ada")
    ada, bob = json.loads(terminal.says("token", "list", "--json"))
    assert (ada["name"], ada["grants"]) == ("ada", ["read:builds/acme/#"])
    assert ada["revoked"] > ada["created"]
    assert ada["expires"] > ada["created"]
    assert bob == {
        "name": "bob",
        "grants": ["operate"],
        "created": bob["created"],
        "expires": None,
        "used": None,
        "revoked": None,
    }
    heading, *rows = terminal.says("token", "list").splitlines()
    assert heading.split() == ["NAME", "GRANTS", "CREATED", "EXPIRES", "USED", "REVOKED"]
    assert [row.split()[0] for row in rows] == ["ada", "bob"]


def test_an_entry_for_the_file_is_printed_without_its_token(terminal: Terminal) -> None:
    result = terminal.run("token", "entry", "ada", "builder@acme", "--days", "30")
    (entry,) = parse(result.stdout)
    (token,) = set(re.findall(SECRET, result.stderr))
    assert f"/login#{token}" in result.stderr
    assert "bf_" not in result.stdout
    assert entry.hash == digest(token)
    assert entry.grants == Grants.parse(["builder@acme"])
    assert entry.expires
    assert not terminal.folder.exists()


# --- can


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        (["read", "builds/acme/#"], 0, "Yes, by the grant read:builds/acme/#."),
        (["read", "builds/acme/b1/log"], 0, "Yes, by the grant read:builds/acme/#."),
        (["read", "builds/+/+/error"], 0, "Yes, by the grant read:builds/+/+/error."),
        (
            ["read", "builds/+/+/log"],
            1,
            "In part: of builds/+/+/log ada may read builds/acme/+/log.",
        ),
        (["read", "builds/beta/+/log"], 1, "No: the grant read:builds/beta/+/log is missing."),
        (["start", "acme"], 0, "Yes, by the grant start:acme."),
        (["start", "*"], 1, "No: the grant start:* is missing."),
        (["stop", "beta"], 1, "No: the grant stop:beta is missing."),
        (["operate"], 1, "No: the grant operate is missing."),
        (["as"], 1, "No: the grant as:* is missing."),
    ],
)
def test_it_says_who_can_and_by_which_grant(
    terminal: Terminal, asked: list[str], code: int, told: str
) -> None:
    terminal.says("token", "add", "ada", "builder@acme", "read:builds/+/+/error")
    assert terminal.says("can", "ada", *asked, code=code) == f"{told}\n"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["bob", "operate"], "There is no token 'bob'."),
        (["ada", "read"], "Say where: a filter, as 'builds/+/+/log'."),
        (["ada", "start"], "Say where: a project, or *."),
        (["ada", "start", "Acme"], "after it comes the name of a project, or *"),
        (["ada", "read", "builds"], "Grant 'read:builds' is refused"),
        (["ada", "operate", "acme"], "leave out WHERE"),
        (["ada", "fly", "acme"], "'fly' is not one of"),
    ],
)
def test_what_cannot_be_asked_is_neither_yes_nor_no(
    terminal: Terminal, asked: list[str], sentence: str
) -> None:
    terminal.says("token", "add", "ada", "operator")
    assert sentence in terminal.says("can", *asked, code=2)


def test_without_a_history_there_is_no_answer(terminal: Terminal) -> None:
    assert "There is no history in" in terminal.says("can", "ada", "operate", code=2)


def test_a_token_that_is_good_no_more_can_nothing(terminal: Terminal) -> None:
    terminal.says("token", "add", "ada", "operator")
    terminal.says("token", "revoke", "ada")
    assert terminal.says("can", "ada", "operate", code=1) == "No: the token ada was revoked.\n"
    terminal.says("token", "add", "ada", "operate")  # a new one of the name counts
    assert terminal.says("can", "ada", "operate").startswith("Yes")
    assert terminal.says("can", "ada", "start", "x", code=1).startswith("No: the grant")


def test_a_token_of_the_file_can_as_much(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    past = "\nexpires = 2020-01-01T00:00:00Z"
    entries = [
        f'[{name}]\nhash = "{name[0] * 64}"\ngrants = ["operate"]' for name in ("abe", "eve")
    ]
    file.write_text(f"{entries[0]}\n{entries[1]}{past}\n")
    assert terminal.says("can", "--tokens", str(file), "abe", "operate").startswith("Yes")
    told = terminal.says("can", "--tokens", str(file), "eve", "operate", code=1)
    assert told == "No: the token eve in the file has expired.\n"
    assert not terminal.folder.exists()


def test_a_part_names_each_filter_that_is_left() -> None:
    grants = Grants.parse(["viewer@acme", "read:builds/+/+/error"])
    (asked,) = Grants.parse(["read:builds/#"])
    told = answer("ada", grants, asked)
    assert not told.yes
    assert told.sentence == ("In part: of builds/# ada may read builds/+/+/error, builds/acme/#.")


# --- the audit


def test_what_is_done_to_tokens_is_in_the_audit(terminal: Terminal) -> None:
    terminal.says("token", "add", "ada", "operate")
    terminal.says("token", "revoke", "ada")
    added, revoked = map(json.loads, terminal.says("audit", "--json").splitlines())
    assert added["principal"].startswith("cli:")
    assert (added["action"], added["subject"]) == ("token-add", "ada operate")
    assert (revoked["action"], revoked["subject"]) == ("token-revoke", "ada")
    assert added["outcome"] == revoked["outcome"] == "accepted"
    lines = terminal.says("audit", "--since", "1h").splitlines()
    assert [line.split()[3] for line in lines] == ["token-add", "token-revoke"]


@pytest.mark.parametrize("since", ["", "1", "1y", "-1d", "1.5h", "99999999w", "999999999w"])
def test_a_time_span_is_told_how_it_is_written(terminal: Terminal, since: str) -> None:
    told = terminal.says("audit", "--since", since, code=2)
    assert "write it as 90m, 12h, 7d or 2w" in told


def test_the_audit_that_cannot_be_written_is_a_warning(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from buildfeed.errors import HistoryUnavailable  # noqa: PLC0415
    from buildfeed.history.audit import AuditLog  # noqa: PLC0415

    def fail(*_: object) -> None:
        raise HistoryUnavailable("disk full")

    monkeypatch.setattr(AuditLog, "append", fail)
    result = terminal.run("token", "add", "ada", "operate")
    assert result.exit_code == 0
    assert re.match(SECRET, result.stdout)
    assert "Warning: The audit does not know of it: " in result.stderr
