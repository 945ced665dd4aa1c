"""Findings of linters that print `a.py:3:5: F401 text`, as flake8 and ruff do. Pure.

pylint has a colon after its codes; those that begin with C, I, R or W are no errors.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PLACE

_ERROR: Final = re.compile(PLACE + r": (?P<text>(?![CIRW]\d{4}:)[A-Z]{1,4}\d{3,5}:? \S.*)")


def read(text: str, findings: Findings) -> bool:
    """Read a line."""
    found = _ERROR.match(text)
    if not found or not found["column"]:
        return False
    findings.error(found["text"], found["file"], found["line"], found["column"])
    return True
