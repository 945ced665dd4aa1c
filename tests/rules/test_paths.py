"""Documents name files and pages that exist, so that a reader finds each at the first try."""

import re
from pathlib import Path

import pytest

from support.packages import PACKAGES, ROOT

DOCUMENTS = [*sorted(ROOT.glob("docs/*.md")), *map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md"))]
LINKING = [*DOCUMENTS, ROOT / "CHANGELOG.md", ROOT / "topics.md"]
FOLDERS = "|".join([*PACKAGES, "benchmarks", "deploy", "docs", "examples", "tests", "web"])
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./*-]*)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
TO_A_HEADING = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_path_is_there(document: Path) -> None:
    paths = PATH.findall(document.read_text())
    assert [path for path in paths if not list(ROOT.glob(path))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def headings(document: Path) -> set[str]:
    """The anchors of a document, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", LINKING, ids=lambda document: document.name)
def test_every_link_to_a_heading_finds_it(document: Path) -> None:
    links = [
        (document.parent / path if path else document, heading)
        for path, heading in TO_A_HEADING.findall(document.read_text())
    ]
    assert [link for link in links if link[1] not in headings(link[0])] == []


def test_the_front_page_leads_to_every_idea() -> None:
    linked = set(LINK.findall((ROOT / "docs/architecture.md").read_text()))
    ideas = {"fold-and-order.md", "commands.md", "catching-up.md", "fan-out.md", "brokers.md"}
    assert ideas <= linked


def test_the_front_page_has_every_room() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    folders = {
        f"{folder.relative_to(ROOT)}/"
        for package in PACKAGES
        for folder in [ROOT / package, *(ROOT / package).rglob("*")]
        if (folder / "__init__.py").exists() and "migrations" not in folder.parts
    }
    assert {room for room in folders if f"`{room}" not in text} == set()
