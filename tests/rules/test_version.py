"""The version of the project stands in several files: all of them say the same."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
NPM_LOCKS = ["package-lock.json", "benchmarks/peers/package-lock.json"]


@pytest.mark.parametrize("name", NPM_LOCKS)
def test_npm_knows_the_version(name: str) -> None:
    lock = json.loads((ROOT / name).read_text())
    manifest = json.loads((ROOT / name).with_name("package.json").read_text())
    assert {each["version"] for each in (manifest, lock, lock["packages"][""])} == {VERSION}


def test_the_newest_released_section_of_the_changelog_is_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    titles = re.findall(r"^## (\d\S*) - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert titles[0] == VERSION
    assert titles == sorted(set(titles), key=lambda title: [*map(int, title.split("."))])[::-1]
