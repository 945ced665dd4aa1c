"""`docs/security.md` names tests that exist, so that each answer can be looked up."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
WEBSOCKET_ITEMS = 26


def table(title: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(TEXT)
    assert len(named) > WEBSOCKET_ITEMS
    missing = [
        f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()
    ]
    assert missing == []


def test_every_item_has_an_answer_and_a_test_or_a_reason() -> None:
    rows = table("WebSockets (OWASP)")
    assert [row[0] for row in rows] == [str(number + 1) for number in range(WEBSOCKET_ITEMS)]
    rows += table("WebSockets (ASVS 5.0, V4.4)")
    rows += table("APIs (OWASP API Security Top 10, 2023)")
    for number, _, answer, shown in rows:
        assert answer, number
        assert NAMED.search(shown) or answer.startswith("does not apply"), number
