"""Errors of MSVC and MSBuild, and of all that print `a.c(3,5): error C123: …`. Pure.

csc, tsc, FreePascal and dmd have that form; tsc with colours prints `a.ts:3:5 - error TS123: …`, as
pyright does without a code.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PLACE

_ERROR: Final = re.compile(
    r"(?:\s{0,8}\d{1,4}>)?\s{0,8}"
    r"(?P<file>(?:[A-Za-z]:)?[^\s:()\[][^:()]{0,1023}+)"
    r"\((?P<line>\d{1,9})(?:[,:](?P<column>\d{1,9}))?(?:[,-]\d{1,9}){0,2}\)"
    r" ?:? ?(?:[Ff]atal )?[Ee]rror(?P<text> [A-Z]{1,10}\d{1,6}: ?.*|: .*)"
)
_PRETTY: Final = re.compile(
    r"\s{0,8}(?:Error: )?" + PLACE + r" - error(?P<text> [A-Z]{1,10}\d{1,6}: ?.*|: .*)"
)
_TOOL: Final = re.compile(
    r"(?:\s{0,8}\d{1,4}>)?\s{0,8}(?P<file>[^\s:()][^:()]{0,255}+) ?: (?:fatal )?error"
    r"(?P<text> [A-Z]{2,10}\d{1,6}: ?.*)"
)
"""`LINK : fatal error LNK1104: …`, `MSBUILD : error MSB1003: …`."""
_PROJECT: Final = re.compile(r" \[[^\[\]]{1,1024}proj(?:::[^\[\]]{1,200})?\]$")


def read(text: str, findings: Findings) -> bool:
    """Read a line."""
    if "rror" not in text:  # the expressions take longer
        return False
    if found := _ERROR.match(text) or _PRETTY.match(text):
        said = _said(found["text"])
        findings.error(said, found["file"].strip(), found["line"], found["column"])
    elif found := _TOOL.match(text):
        findings.error(_said(found["text"]))
    return bool(found)


def _said(text: str) -> str:
    """Return a text without the project that MSBuild writes at its end."""
    said = text.removeprefix(":").strip()
    at = said.rfind(" [")
    return said[:at] if at > 0 and _PROJECT.match(said, at) else said
