"""Errors that are marked for a CI service: of GitHub, Azure Pipelines and TeamCity. Pure.

::error file=a.c,line=3,col=5::text
##[error]text
##vso[task.logissue type=error;sourcepath=a.c;linenumber=3;columnnumber=5]text
##teamcity[buildProblem description='text']
"""

import re
from typing import Final
from urllib.parse import unquote

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.generic import is_consequence

_GITHUB: Final = re.compile(r"\s{0,8}::error(?: (?P<properties>[^\n]*?))?::(?P<text>.*)")
_AZURE: Final = re.compile(
    r"\s{0,8}##vso\[task\.logissue (?P<properties>[^\]]{0,2000})\](?P<text>.*)"
)
_PLAIN: Final = re.compile(r"\s{0,8}##\[error\](?P<text>.+)")
_TEAMCITY: Final = re.compile(
    r"\s{0,8}##teamcity\[buildProblem [^\]]{0,200}?description='(?P<text>(?:[^'|]|\|.){1,2000}+)'"
)
_ESCAPED: Final = re.compile(r"\|(.)")


def read(text: str, findings: Findings) -> bool:
    """Read a line."""
    if found := _GITHUB.match(text):
        known = _properties(found["properties"] or "", ",")
        findings.error(
            unquote(found["text"]) or known.get("title", "error"),
            known.get("file"),
            known.get("line"),
            known.get("col"),
        )
    elif found := _AZURE.match(text):
        known = _properties(found["properties"], ";")
        if known.get("type") != "error":
            return False
        findings.error(
            found["text"],
            known.get("sourcepath"),
            known.get("linenumber"),
            known.get("columnnumber"),
        )
    elif found := _PLAIN.match(text):
        add = findings.follows if is_consequence(found["text"]) else findings.error
        add(found["text"])
    elif found := _TEAMCITY.match(text):
        findings.error(_ESCAPED.sub(r"\1", found["text"]))
    return bool(found)


def _properties(text: str, separator: str) -> dict[str, str]:
    """Return the properties of `name=value,name=value`; values have `%2C` for a comma."""
    pairs = (pair.partition("=") for pair in text.split(separator))
    return {name.strip(): unquote(value) for name, _, value in pairs if value}
