"""The page uses nothing that the oldest supported browsers lack, and the README names these."""

import re
from pathlib import Path

import pytest

from support.browsers import NEWER_FUNCTIONS

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
README = (ROOT / "README.md").read_text()

ASKED_FOR_FIRST = {
    "start-keys.js": {"crypto.randomUUID"},
    "connection.js": {"SharedWorker"},  # else each tab has its own connection
}
"""Functions that a script uses only where they are there."""

NEWER_SCRIPT = {
    "a look-behind": r"\(\?<[=!]",  # Safari 16.4
    "the flag v": r"[\])+*?}]/[dgimsuy]*v[dgimsuy]*[.,;)\s]",  # 112, 116, 17
    "the flag d": r"hasIndices|/[gimsuy]*d[gimsuy]*\.exec",  # 90, 88, 15
    "a static block": r"\bstatic\s*\{",  # 94, 93, 16.4
    "a private name in an object": r"#\w+ in ",  # 91, 90, 15
    "an import of JSON": r"\bimport\b.*\bwith\s*\{",  # 123, 138, 17.2
    "using": r"\b(?:await )?using \w+ =",
    "an import map": r"importmap",  # 89, 108, 16.4
}
NEWER_STYLE = {
    ":has": r":has\(",  # 105, 121, 15.4
    "nesting": r"(?m)^\s*&",  # 120, 117, 17.2
    "@layer, @container, @property, @scope, @starting-style": (
        r"@(?:layer|container|property|scope|starting-style)\b"
    ),
    "a newer colour": r"\b(?:color-mix|oklch|oklab|lch|lab|light-dark|hwb|contrast-color)\(",
    "a newer unit": r"\d(?:[dsl]v[hwib]|cq\w+|cap|ic|lh|rlh)\b",  # 108, 101, 15.4
    "a newer property": (
        r"(?m)^\s*(?:accent-color|scrollbar-gutter|scrollbar-color|text-wrap|translate|rotate|scale"
        r"|inert|field-sizing|container|container-type|anchor-name|interpolate-size|offset-\w+"
        r"|view-transition-name|animation-timeline|transition-behavior|content-visibility)\s*:"
    ),
    "subgrid": r"\bsubgrid\b",  # 117, 71, 16
    ":nth-child of": r":nth-(?:last-)?child\([^)]*\bof\b",  # 111, 113, 9
    ":user-valid and the like": r":(?:user-(?:in)?valid|popover-open|open|modal|dir)\b",
    "a range of widths": r"@media[^{]*[<>]",  # 104, 63, 16.4
}
NEWER_PAGE = {
    "an attribute": r"\s(?:popover|popovertarget|inert|blocking|command|commandfor)\b",
    "an element": r"<(?:dialog|search|selectedcontent)\b",
    "one details of many": r"<details[^>]* name=",
}


def used(text: str) -> set[str]:
    """The functions of the list that a script uses; methods by their name, whatever they are of."""
    found = set()
    for function in NEWER_FUNCTIONS:
        holder, _, name = function.rpartition(".")
        pattern = (
            rf"\.{name}\b" if "prototype" in holder else rf"(?<![\w.$]){re.escape(function)}\b"
        )
        if re.search(pattern, text):
            found.add(function)
    return found


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", text, flags=re.DOTALL)


SCRIPTS = sorted(WEB.rglob("*.js"))  # also the client of socket.io


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_script_uses_nothing_newer(file: Path) -> None:
    text = without_comments(file.read_text())
    assert used(text) - ASKED_FOR_FIRST.get(file.name, set()) == set()
    assert [what for what, pattern in NEWER_SCRIPT.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize("file", sorted(WEB.rglob("*.css")), ids=lambda file: file.name)
def test_a_style_uses_nothing_newer(file: Path) -> None:
    text = without_comments(file.read_text())
    assert [what for what, pattern in NEWER_STYLE.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize(
    "file", [WEB / "index.html", WEB / "build.html"], ids=lambda file: file.name
)
def test_a_page_uses_nothing_newer(file: Path) -> None:
    text = file.read_text()
    assert [what for what, pattern in NEWER_PAGE.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize(
    "text",
    ["fetch(url, { signal: AbortSignal.timeout(9) })", "ended.at(-1)", "structuredClone(a)"],
)
def test_what_is_newer_is_found(text: str) -> None:
    assert used(text)


def test_the_browsers_are_named_in_the_readme_and_on_the_page() -> None:
    said = "Chrome or Edge 94, Firefox 93, Safari 15"
    assert said in README.replace("\n", " ")
    assert said in (WEB / "scripts/start-check.js").read_text()
