"""Errors that say so at the beginning of a line, in no form that another file knows. Pure."""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PLACE

_ERROR: Final = re.compile(
    r"(?:ERROR|FATAL|FATAL ERROR|Fatal error|fatal error|Fatal|fatal): (?P<text>\S.*)"
)
_OF_TOOL: Final = re.compile(
    r"(?!warning|note|info|debug|hint|help)(?P<tool>[\w.+/-]{1,200}): "
    r"(?:fatal |internal compiler )?error: (?P<text>.+)"
)
_PLACE: Final = re.compile(PLACE + ": (?P<text>.+)")
_NOTHING: Final = re.compile(
    r"(?:0|none|no|null|nil|undefined|false|ok)\b[ .]?(?:errors?)?\W*$", re.IGNORECASE
)
_CONSEQUENCE: Final = re.compile(
    r"previous errors?\b|could not compile|build (?:failed|stopped|did not complete)"
    r"|test failed|command failed|did(?:n't| not) exit successfully|non-zero exit"
    r"|exit(?:ed)? (?:with )?(?:status|code)|exit(?:ed)? with (?:status |code )?\d",
    re.IGNORECASE,
)


def read(text: str, findings: Findings) -> bool:
    """Read a line."""
    found = _ERROR.match(text)
    if not found and not (found := _OF_TOOL.match(text)):
        return False
    said = found["text"] if found.re is _ERROR else text
    if is_consequence(said):
        findings.follows(said)
    elif not is_nothing(found["text"]):
        place = _PLACE.match(said) if found.re is _ERROR else None
        if place:
            findings.error(place["text"], place["file"], place["line"], place["column"])
        else:
            findings.error(said)
    return True


def is_nothing(text: str) -> bool:
    """Tell whether a text after `error: ` says that there is none."""
    return bool(_NOTHING.match(text))


def is_consequence(text: str) -> bool:
    """Tell whether a text only says that something before it failed."""
    return bool(_CONSEQUENCE.search(text))
