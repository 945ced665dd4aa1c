"""Tokens in a history, and a management API that tests say the answers of."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from buildfeed.grants import EVERYTHING
from buildfeed.history.store import Store
from buildfeed.history.tokens import Tokens
from gateway.access.directory import Directory
from gateway.broker_auth.token_names import TokenNames
from support.management import SaidManagement


@pytest.fixture
def tokens(sqlite_template: Path, tmp_path: Path) -> Iterator[Tokens]:
    copy = shutil.copy(sqlite_template, tmp_path / "history.db")
    with closing(Store(f"sqlite:///{copy}")) as store:
        yield store.tokens()


@pytest.fixture
def directory(tokens: Tokens) -> Directory:
    return Directory(tokens, EVERYTHING)


@pytest.fixture
def token_names(tokens: Tokens, directory: Directory) -> TokenNames:
    return TokenNames(tokens, directory)


@pytest.fixture
def management() -> SaidManagement:
    return SaidManagement()
