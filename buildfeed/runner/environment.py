"""The environment of a command."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from buildfeed.secret_kinds import ANY

PREFIX: Final = "BUILDFEED_"
_ADDED_BY_PYTHON: Final = "LC_CTYPE"
"""The variable that Python sets where the locale is C (PEP 538); compilers write other quotes."""
_SECRET_NAME: Final = re.compile(r"(?:TOKEN|SECRET|PASSWORD|KEY|DATABASE_URL)$")
_SECRET_TEXT: Final = re.compile(rf"://[^\s@]*@|(?:password|secret|token)=|\b(?:{ANY})[0-9A-Za-z]")
"""A URL with a login in it, one with a password for an option, or a secret of ours."""

_NEEDED: Final = frozenset(
    ("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
)
_OF_THE_LOCALE: Final = "LC_"


def own() -> dict[str, str]:
    """Return our environment as it was given to us, for a command that is run in our place."""
    environment = dict(os.environ)
    with suppress(OSError):
        given = Path("/proc/self/environ").read_bytes().split(b"\0")
        if not any(pair.startswith(f"{_ADDED_BY_PYTHON}=".encode()) for pair in given):
            environment.pop(_ADDED_BY_PYTHON, None)
    return environment


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return it without the settings of ours that have a login, a token or a key in them."""
    return {
        name: text
        for name, text in environment.items()
        if not (name.startswith(PREFIX) and _is_secret(name, text))
    }


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what every program needs of it, and nothing else: for the jobs of a worker."""
    return {
        name: text
        for name, text in environment.items()
        if name in _NEEDED or name.startswith(_OF_THE_LOCALE)
    }


def of_build(project: str, build: str, attempt: int, progress: Path) -> dict[str, str]:
    """Return the variables by which a command knows its build, and where to tell its progress."""
    return {
        "BUILDFEED_PROJECT": project,
        "BUILDFEED_BUILD": build,
        "BUILDFEED_ATTEMPT": str(attempt),
        "BUILDFEED_PROGRESS": str(progress),
    }


def _is_secret(name: str, text: str) -> bool:
    return bool(_SECRET_NAME.search(name) or _SECRET_TEXT.search(text))
