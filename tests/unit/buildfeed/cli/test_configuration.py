import grp
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from buildfeed.cli import here
from buildfeed.cli.configuration import FILE, Configuration, ConfigurationRefused
from buildfeed.cli.here import FOLDER, LOCK, Here
from buildfeed.machine.folder import FolderLock

TOKEN = "bf_0123456789abcdefghijklmnopqrstuv"
UP = Here("mqtt://buildfeed:secret@127.0.0.1:1883", "http://127.0.0.1:8000")
Write = Callable[..., Path]
Groups = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in one of a project."""
    below = tmp_path / "project" / "src"
    below.mkdir(parents=True)
    return below


@pytest.fixture
def found(tmp_path: Path, folder: Path) -> Configuration:
    return Configuration(folder, {"HOME": str(tmp_path / "home")})


@pytest.fixture
def of_project(folder: Path) -> Write:
    """Write the file of the project, in the folder above."""
    return lambda text, mode=0o644: written(folder.parent / FILE, text, mode)


@pytest.fixture
def of_person(tmp_path: Path) -> Write:
    path = tmp_path / "home" / ".config" / "buildfeed" / "config.toml"
    return lambda text, mode=0o600: written(path, text, mode)


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> Groups:
    """Say who is in which group: of files, whose group is 7, of their owner `ada`, and of `bob`."""

    def say(members: list[str] | None, own: int, others: int = 8) -> None:
        ada = person("ada", os.getuid(), own)
        bob = person("bob", os.getuid() + 1, others)
        known = {} if members is None else {7: grp.struct_group(("ada", "x", 7, members))}
        fstat = os.fstat
        monkeypatch.setattr(os, "fstat", lambda file: of_group(fstat(file), 7))
        monkeypatch.setattr(pwd, "getpwuid", {os.getuid(): ada}.__getitem__)
        monkeypatch.setattr(pwd, "getpwall", lambda: [ada, bob])
        monkeypatch.setattr(grp, "getgrgid", known.__getitem__)

    return say


def person(name: str, number: int, group: int) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", number, group, "", "/", "/bin/sh"))


def of_group(own: os.stat_result, group: int) -> os.stat_result:
    return os.stat_result((*own[:5], group, *own[6:]))


def written(path: Path, text: str, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_without_any_file_nothing_is_known(found: Configuration) -> None:
    assert (found.project, found.url, found.mqtt_url) == (None, None, None)
    assert found.token_for("http://127.0.0.1:8000") is None


def test_the_project_says_before_the_person_and_each_what_it_says(
    found: Configuration, of_project: Write, of_person: Write
) -> None:
    of_project('project = "acme"\nurl = "https://builds.example"\n')
    of_person('url = "https://other.example"\nmqtt_url = "mqtts://ada:x@builds.example"\n')
    assert found.project == "acme"
    assert found.url == "https://builds.example"
    assert found.mqtt_url == "mqtts://ada:x@builds.example"


def test_the_next_folder_above_counts(
    found: Configuration, folder: Path, of_project: Write
) -> None:
    of_project('project = "acme"\nurl = "https://builds.example"\n')
    written(folder / FILE, 'project = "mine"\n', 0o600)
    assert (found.project, found.url) == ("mine", None)


def test_an_up_that_runs_here_is_found_last(
    found: Configuration, folder: Path, of_person: Write
) -> None:
    lock = FolderLock(folder / FOLDER / LOCK, "up", "end it")
    lock.take()
    try:
        with here.told(folder / FOLDER, UP):
            assert (found.url, found.mqtt_url) == (UP.page, UP.mqtt_url)
            of_person('url = "https://builds.example"\n')
            assert Configuration(folder, found._environment).url == "https://builds.example"
    finally:
        lock.release()


def test_where_the_file_of_a_person_is(tmp_path: Path, folder: Path) -> None:
    written(tmp_path / "xdg" / "buildfeed" / "config.toml", 'project = "acme"', 0o600)
    told = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert Configuration(folder, told).project == "acme"
    assert Configuration(folder, told | {"XDG_CONFIG_HOME": "xdg"}).project is None
    assert Configuration(folder, {}).project is None


def test_a_token_is_for_the_gateway_of_its_file_alone(
    found: Configuration, of_project: Write, of_person: Write
) -> None:
    of_project('url = "https://collects.example"\n')
    of_person(f'url = "https://Builds.example/ci/"\ntoken = "{TOKEN}"\n')
    assert found.token_for("https://collects.example") is None
    assert found.token_for("https://builds.example:443/ci") == TOKEN
    for other in (
        "http://builds.example/ci",
        "https://builds.example",
        "https://builds.example:1/ci",
    ):
        assert found.token_for(other) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('project = "acme"\ncolour = "red"\n', "the key 'colour', line 2, is none of project, url"),
        ("[acme]\nx = 1\n", "the key 'acme', line 1, is none of"),
        ("project = acme\n", "no TOML: Invalid value (at line 1, column 11)"),
        ('\nproject = "Acme Inc"\n', "project, line 2: 'Acme Inc' is no project name"),
        ("project = 5\n", "project, line 1: it is a text in quotes"),
        ('url = "builds.example"\n', "url, line 1: it is not http://host:port"),
        ('url = "http://x/\\u001b]0;evil\\u0007"', "url, line 1: it has more than printable ASCII"),
        ('url = "http://x\\u009b2J"', "url, line 1: it has more than printable ASCII"),
        ('url = "http://x/a b"', "url, line 1: it has more than printable ASCII"),
        ('url = "http://x\\n.example"', "url, line 1: it has more than printable ASCII"),
        ('mqtt_url = "mqtt://x\\u001b]0;evil\\u0007"', "mqtt_url, line 1: it is not mqtt://"),
        ('mqtt_url = "http://secret@x"\n', "mqtt_url, line 1: it is not mqtt://"),
        ('url = "https://x"\ntoken = "a b"\n', "token, line 2: it is no token"),
        (f'token = "{TOKEN}"\n', "add the url"),
        ("x = 1\n" * 20_000, "over 64 KiB"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_sentence(
    found: Configuration, of_project: Write, text: str, told: str
) -> None:
    path = of_project(text, 0o600)
    with pytest.raises(ConfigurationRefused) as refused:
        assert found.project
    assert str(refused.value).startswith(f"The file {path} is refused: ")
    assert told in str(refused.value)
    assert "secret" not in str(refused.value)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("mode", [0o666, 0o646])
def test_a_file_that_others_may_write_is_refused(
    found: Configuration, of_project: Write, groups: Groups, mode: int
) -> None:
    groups(members=["ada"], own=7)
    of_project('project = "acme"\n', mode)
    with pytest.raises(ConfigurationRefused, match="others may write it"):
        assert found.project


@pytest.mark.parametrize(
    "told",
    [
        (["ada", "bob"], 7, 8),
        ([], 8, 9),  # the group is no private one
        ([], 7, 7),  # that of somebody else too
        (None, 7, 8),  # the group has no name
    ],
)
def test_a_file_that_a_group_may_write_is_refused(
    found: Configuration,
    of_project: Write,
    groups: Groups,
    told: tuple[list[str] | None, int, int],
) -> None:
    groups(*told)
    of_project('project = "acme"\n', 0o664)
    with pytest.raises(ConfigurationRefused, match="others may write it"):
        assert found.project


@pytest.mark.parametrize("members", [[], ["ada"]])
def test_a_file_that_only_the_group_of_its_owner_may_write_is_read(
    found: Configuration, of_project: Write, groups: Groups, members: list[str]
) -> None:
    groups(members, own=7)
    of_project('project = "acme"\n', 0o664)
    assert found.project == "acme"


def test_a_file_of_somebody_else_is_refused(
    found: Configuration, of_project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_project('project = "acme"\n')
    own = os.getuid() or 1
    monkeypatch.setattr(os, "fstat", lambda _: as_of(own + 1))
    with pytest.raises(ConfigurationRefused, match="belongs to somebody else"):
        assert found.project


def as_of(owner: int) -> os.stat_result:
    """A file of `owner` that only this one may write."""
    return os.stat_result((stat.S_IFREG | 0o644, 0, 0, 1, owner, owner, 1, 0, 0, 0))


@pytest.mark.parametrize(
    "secret",
    [f'url = "https://x"\ntoken = "{TOKEN}"', 'mqtt_url = "mqtts://ada:secret@x"'],
)
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_secret_that_others_may_read_is_refused(
    found: Configuration, of_person: Write, secret: str, mode: int
) -> None:
    of_person(secret, mode)
    with pytest.raises(ConfigurationRefused, match="others may read it: chmod go="):
        assert found.url


def test_spaces_around_a_value_do_not_count(found: Configuration, of_person: Write) -> None:
    of_person(f'url = "https://x "\nmqtt_url = " mqtts://ada:secret@x"\ntoken = "{TOKEN}\\n"\n')
    assert (found.url, found.mqtt_url) == ("https://x", "mqtts://ada:secret@x")
    assert found.token_for("https://x") == TOKEN


def test_what_is_no_file_is_refused_at_once(found: Configuration, folder: Path) -> None:
    os.mkfifo(folder / FILE, 0o600)
    with pytest.raises(ConfigurationRefused, match="it is no file"):
        assert found.project


def test_no_file_is_read_that_is_not_needed(folder: Path) -> None:
    written(folder / FILE, "colour = 1", 0o600)
    Configuration(folder, {})
