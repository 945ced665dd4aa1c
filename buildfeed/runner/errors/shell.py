"""Errors of shells: commands that are not there, and scripts with mistakes. Pure.

bash prints `./a.sh: line 3: foo: command not found`, dash `./a.sh: 3: foo: not found`.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PATH

_ERROR: Final = re.compile(
    PATH + r": (?:line )?(?:(?P<line>\d{1,9}): )?"
    r"(?P<text>[Ss]yntax error.*|(?:[^\s:]{1,1024}+: )?"
    r"(?:(?:command )?not found|Permission denied|bad interpreter.*|unbound variable))$"
)
_SHELLS: Final = re.compile(r"(?:\S*/)?(?:ba|da|z|k|fi)?sh$")


def read(text: str, findings: Findings) -> bool:
    """Read a line."""
    found = _ERROR.match(text)
    if not found or not (found["line"] or _SHELLS.match(found["file"])):
        return False
    if _SHELLS.match(found["file"]):
        findings.error(found["text"])
    else:
        findings.error(found["text"], found["file"], found["line"])
    return True
