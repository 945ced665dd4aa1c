"""Errors of linkers: GNU ld, gold, lld, mold and that of macOS. Pure."""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PATH

_SYMBOL: Final = re.compile(r"(?:undefined reference to|multiple definition of) [`'‘\"]")
_PREFIX: Final = re.compile(r"(?:[\w./+-]{0,200}[/-])?(?:ld|gold|mold|lld)(?:\.\w{1,10})?: ")
_FROM: Final = re.compile(PATH + r":(?:(?P<line>\d{1,9}):|\([^()]{1,200}\):)")
_MACOS: Final = re.compile(r'\s+"(?P<symbol>[^"]+)", referenced from:$')
_CANNOT: Final = re.compile(
    r"(?:error: |fatal error: )?(?P<text>cannot .+|library .* not found.*|framework .* not found.*"
    r"|.+: (?:file not recognized|No such file|file format not recognized).*)"
)
_ERROR: Final = re.compile(r"(?:fatal )?error: (?P<text>.+)")
_FOLLOWS: Final = re.compile(
    r"(?:[\w.+/-]{1,200}: error: )"
    r"(?:ld returned \d|linker command failed|linking failed|unable to execute command)"
)


def read(text: str, findings: Findings) -> bool:
    """Read a line."""
    if _FOLLOWS.match(text):
        findings.follows(text)
        return True
    prefix = _PREFIX.match(text)
    rest = text[prefix.end() :] if prefix else text
    if (symbol := _SYMBOL.search(rest)) and "warning: " not in rest[: symbol.start()]:
        place = _FROM.match(rest.lstrip())
        said = rest[symbol.start() :]
        findings.error(said, place and place["file"], place and place["line"])
        return True
    if macos := _MACOS.match(text):
        findings.error(f"undefined symbol {macos['symbol']}")
        return True
    found = prefix and (_CANNOT.match(rest) or _ERROR.match(rest))
    if found:
        findings.error(found["text"])
    return bool(found)
