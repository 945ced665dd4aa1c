"""What is committed pins every version and hash, and names no place to download from."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
FILES = [name for name in LISTED.stdout.decode().split("\0") if (ROOT / name).is_file()]
REQUIREMENTS = [name for name in FILES if name.startswith("requirements/")]
NPM_LOCKS = [name for name in FILES if Path(name).name == "package-lock.json"]
LOCKS = [*REQUIREMENTS, *NPM_LOCKS]

# Written so that this file does not match itself.
HOSTS = r"(pypi|pythonhosted|npmjs|yarnpkg|jsdelivr|unpkg|docker|ghcr|quay|deb\.debian)"
OPTIONS = r"--(extra-)?index-url|--find[-]links|--regist[r]y|\bregistry\s*="
PLACE = re.compile(rf"{HOSTS}\.(org|com|net|io)\b|{OPTIONS}", re.IGNORECASE)


def test_no_file_says_where_packages_come_from() -> None:
    texts = {name: (ROOT / name).read_bytes().decode("utf-8", "replace") for name in FILES}
    assert [name for name, text in texts.items() if PLACE.search(text)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_has_no_address(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_has_one_version_and_hashes(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    pin = re.compile(r"[\w.\-\[\]]+==[^\s;]+( *;[^#]+?)?( +--hash=sha256:[0-9a-f]{64})+ *")
    assert lines
    assert [line[:60] for line in lines if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("name", NPM_LOCKS)
def test_every_npm_package_has_one_version_and_a_hash_and_no_address(name: str) -> None:
    lock = ROOT / name
    wanted = json.loads(lock.with_name("package.json").read_text())
    for versions in (wanted.get("dependencies", {}), wanted.get("devDependencies", {})):
        assert all(
            re.fullmatch(r"(npm:[a-z.-]+@)?\d+\.\d+\.\d+", version) for version in versions.values()
        )
    for place, package in json.loads(lock.read_text())["packages"].items():
        assert "resolved" not in package
        assert not place or package["integrity"].startswith("sha512-")


def test_what_builds_the_package_is_pinned() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert all("==" in requirement for requirement in build["requires"])
