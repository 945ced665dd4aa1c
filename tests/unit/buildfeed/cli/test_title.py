"""The title of a build that is run in place: the contract has none that is empty."""

import pytest

from buildfeed.cli.run import _title
from buildfeed.runner.masking import Masking


@pytest.mark.parametrize(
    ("given", "command", "title"),
    [
        (None, ("make", "-j 8"), "make '-j 8'"),
        ("Nightly", ("make",), "Nightly"),
        (" ", ("make",), "make"),
        ("", ("make",), "make"),
        ("\t\n", ("make",), "make"),
        ("push s3cret-of-ada", ("make",), "push ***"),
    ],
)
def test_a_title_can_be_read(given: str | None, command: tuple[str, ...], title: str) -> None:
    assert _title(given, command, Masking({"MY_SECRET": "s3cret-of-ada"})) == title
