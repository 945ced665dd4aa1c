"""Tests that fail, as CTest and programs that speak TAP print them. Pure.

    3/40 Test  #3: sums .....................***Failed    0.01 sec
    not ok 3 - sums

TAP marks tests that are expected to fail by `# TODO`.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings

_CTEST: Final = re.compile(
    r"\s{0,8}\d{1,9}/\d{1,9} Test\s{1,9}#\d{1,9}: (?P<name>\S{1,1024}) "
    r"\.*\s?\*\*\*(?P<text>[^\d]{1,60})"
)
_CTEST_FOLLOWS: Final = re.compile(r"Errors while running CTest")
_TAP: Final = re.compile(r"\s{0,64}not ok (?P<number>\d{1,9})(?: -)?(?P<text>.*)")


def read(text: str, findings: Findings) -> bool:
    """Read a line."""
    if found := _CTEST.match(text):
        findings.error(f"{found['name']}: {found['text'].strip()}")
    elif _CTEST_FOLLOWS.match(text):
        findings.follows(text)
    elif found := _TAP.match(text):
        said, _, directive = found["text"].partition(" # ")
        if not directive.upper().startswith(("TODO", "SKIP")):
            findings.error(f"{said.strip() or found['number']} failed")
    return bool(found)
