"""Where the gateway and the broker are, and who asks, where no option and no variable says it.

Each setting is looked for in these files, in this order: `buildfeed.toml` in this folder or the
next one above that has it, `config.toml` in `~/.config/buildfeed` (`$XDG_CONFIG_HOME/buildfeed`),
and what an `up` says that runs here.

A file tells where builds and tokens are sent. So one that somebody else may write is refused. A
token is sent only to the `url` of its own file: else a checkout of somebody's repository, with a
`buildfeed.toml`, would collect tokens. For the same reason a token of an option or a variable is
not sent to a `url` that only such a file has: see `Configuration.is_own`.
"""

import grp
import os
import pwd
import stat
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
import msgspec

from buildfeed import names
from buildfeed.broker.options import valid_url
from buildfeed.cli import bearer, here, web_url
from buildfeed.cli.here import Here
from buildfeed.errors import BuildfeedError, InvalidName
from buildfeed.text import printable

FILE: Final = "buildfeed.toml"
_OF_PERSON: Final = Path("buildfeed", "config.toml")
_MOST_BYTES: Final = 64 * 1024
_ROOT: Final = 0
"""The user who may change every file anyway."""


class ConfigurationRefused(BuildfeedError):
    """The file `path` is not used, for `reason`."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The file {printable(str(path))} is refused: {reason}.")
        self.path = path
        self.reason = reason


class Entries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file may say: the `url` of the gateway, with a `token` for it; broker and project."""

    project: str | None = None
    url: str | None = None
    mqtt_url: str | None = None
    token: str | None = None


class Configuration:
    """What is found from `folder` on; a file is read when a setting is needed that it may have.

    Every attribute is None if nobody says it, and raises ConfigurationRefused.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    @property
    def project(self) -> str | None:
        """The project of builds that are run or started here."""
        return next((each.project for each in self._files if each.project), None)

    @property
    def url(self) -> str | None:
        """The address of the gateway."""
        found = next((each.url for each in self._files if each.url), None)
        return found or (self._up.page if self._up else None)

    @property
    def mqtt_url(self) -> str | None:
        """The address of the broker, with its login."""
        found = next((each.mqtt_url for each in self._files if each.mqtt_url), None)
        return found or (self._up.mqtt_url if self._up else None)

    def token_for(self, url: str) -> str | None:
        """Return the token for the gateway at `url`."""
        its_own = (each for each in self._files if each.url and _same(each.url, url))
        return next((each.token for each in its_own if each.token), None)

    def is_own(self, url: str) -> bool:
        """Tell whether the person names the gateway at `url` too, or an `up` that runs here."""
        own = self._of_person.url if self._of_person else None
        return any(each and _same(each, url) for each in (own, self._up and self._up.page))

    @property
    def _files(self) -> list[Entries]:
        return [each for each in (self._of_project, self._of_person) if each]

    @cached_property
    def _of_project(self) -> Entries | None:
        above = (each / FILE for each in (self._folder, *self._folder.parents))
        path = next((each for each in above if os.path.lexists(each)), None)
        return _read(path) if path else None

    @cached_property
    def _of_person(self) -> Entries | None:
        path = self._path_of_person()
        return _read(path) if path else None

    @cached_property
    def _up(self) -> Here | None:
        return here.find(self._folder)

    def _path_of_person(self) -> Path | None:
        told = Path(self._environment.get("XDG_CONFIG_HOME", ""))
        if told.is_absolute():  # another is to be ignored (XDG Base Directory Specification 0.8)
            return told / _OF_PERSON
        home = self._environment.get("HOME")
        return Path(home, ".config", _OF_PERSON) if home else None


def _read(path: Path) -> Entries | None:
    """Return what a file says, None if there is none; raises ConfigurationRefused."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise ConfigurationRefused(path, f"it cannot be read ({exc.strerror})") from exc
    with os.fdopen(opened, "rb") as file:
        own = os.fstat(file.fileno())
        _check_owners(path, own)
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ConfigurationRefused(path, f"it has over {_MOST_BYTES // 1024} KiB")
    entries = _entries(path, text)
    if _is_secret(entries) and own.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        reason = "it has a token or a password, and others may read it: chmod go="
        raise ConfigurationRefused(path, f"{reason} {printable(str(path))}")
    return entries


def _check_owners(path: Path, own: os.stat_result) -> None:
    """Raise ConfigurationRefused for what somebody else may have written."""
    if not stat.S_ISREG(own.st_mode):
        raise ConfigurationRefused(path, "it is no file")
    owners = {own.st_uid, path.lstat().st_uid}  # of a link too
    if owners - {_ROOT, os.getuid()}:
        reason = "it belongs to somebody else, who could have your builds and tokens sent to them"
        raise ConfigurationRefused(path, f"{reason}; move it away, or make it yours (chown)")
    shared = stat.S_IWOTH if _is_private(own) else stat.S_IWGRP | stat.S_IWOTH
    if own.st_mode & shared:
        reason = "others may write it, and have your builds and tokens sent to them: chmod go-w"
        raise ConfigurationRefused(path, f"{reason} {printable(str(path))}")


def _is_private(own: os.stat_result) -> bool:
    """Tell whether the group of a file is its owner alone: with one, umask 002 is usual."""
    try:
        owner, group = pwd.getpwuid(own.st_uid), grp.getgrgid(own.st_gid)
    except KeyError:
        return False
    if owner.pw_gid != own.st_gid or set(group.gr_mem) - {owner.pw_name}:
        return False
    others = (each for each in pwd.getpwall() if each.pw_uid != own.st_uid)
    return all(each.pw_gid != own.st_gid for each in others)


def _entries(path: Path, text: bytes) -> Entries:
    try:
        document = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        where = exc if isinstance(exc, tomllib.TOMLDecodeError) else "it is not UTF-8"
        raise ConfigurationRefused(path, f"it is no TOML: {printable(str(where))}") from exc
    for key in document:
        if key not in Entries.__struct_fields__:
            known = ", ".join(Entries.__struct_fields__)
            reason = f"the key {key[:80]!r}, line {_line_of(key, text)}, is none of {known}"
            raise ConfigurationRefused(path, reason)
    for key, value in document.items():
        try:
            document[key] = _checked(key, value)
        except (InvalidName, click.BadParameter) as exc:
            told = exc.message if isinstance(exc, click.BadParameter) else str(exc)
            reason = f"{key}, line {_line_of(key, text)}: {told.rstrip('.')}"
            raise ConfigurationRefused(path, reason) from exc
    entries = msgspec.convert(document, Entries)
    if entries.token and not entries.url:
        raise ConfigurationRefused(path, "a token is sent only to the url of its file: add the url")
    return entries


def _checked(key: str, value: object) -> str:
    """Return the value of `key` as it is used; raise InvalidName or click.BadParameter."""
    if not isinstance(value, str) or not value:
        raise click.BadParameter("it is a text in quotes")
    match key:
        case "url":
            return web_url.valid(value)
        case "mqtt_url":
            return valid_url("mqtt", value)
        case "token":
            return bearer.valid(value)
    return names.check("project", value)


def _line_of(key: str, text: bytes) -> int:
    """Return the line, from 1, on which a key of the top stands."""
    for number, line in enumerate(text.decode().splitlines(), 1):
        if line.strip().strip("[").lstrip().strip("\"'").startswith(key):
            return number
    return 1


def _same(one: str, other: str) -> bool:
    """Tell whether two addresses are of one gateway."""
    return _place(one) == _place(other)


def _place(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")


def _is_secret(entries: Entries) -> bool:
    return bool(entries.token or urlsplit(entries.mqtt_url or "").password)
