"""What several tests of the vocabulary share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support.held_tokens import Held

# A machine shared with others is slow at times: no property fails for that.
settings.register_profile("buildfeed", deadline=None)
settings.load_profile("buildfeed")

HOSTILE_TEXTS = {
    "empty": "",
    "dot": "acme.secret",
    "slash": "a/b",
    "plus": "+",
    "hash": "#",
    "star": "*",
    "dollar": "$acme",
    "colon": "acme:1",
    "leading dash": "-acme",
    "leading underscore": "_acme",
    "space": "ac me",
    "uppercase": "Acme",
    "accent": "acmé",
    "full-width letters": "ａｃｍｅ",
    "arabic digit": "acme٣",
    "emoji": "🚀",
    "NUL": "acme\0",
    "newline at the end": "acme\n",
    "newline inside": "ac\nme",
    "65 characters": "a" * 65,
    "300 bytes": "a" * 300,
    "lone surrogate": "\ud800",
}
HOSTILE_VALUES = {"none": None, "number": 1, "true": True, "list": ["acme"], "object": {"a": "b"}}


@pytest.fixture(params=HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS.keys())
def hostile_text(request: pytest.FixtureRequest) -> str:
    """A text that is no name: it would leak across projects, or break a reader."""
    return request.param


@pytest.fixture(
    params=[*HOSTILE_TEXTS.values(), *HOSTILE_VALUES.values()],
    ids=[*HOSTILE_TEXTS.keys(), *HOSTILE_VALUES.keys()],
)
def hostile_name(request: pytest.FixtureRequest) -> object:
    """The same, and what is no text at all."""
    return request.param


@pytest.fixture
def tokens(sqlite_template: Path, tmp_path: Path) -> Iterator[Held]:
    """The tokens of a history of the test's own, none yet."""
    path = tmp_path / "tokens.db"
    path.write_bytes(sqlite_template.read_bytes())
    held = Held(f"sqlite:///{path}")
    yield held
    held.database.close()
