"""Errors of npm, pnpm and yarn. Pure.

    npm error code E404
    npm error 404 Not Found - GET https://packages.example/nope

All lines that follow each other are one error. That a script failed is a consequence.
"""

import re
from typing import Final

from buildfeed.runner.errors import generic
from buildfeed.runner.errors.found import Findings

_NPM: Final = re.compile(r"npm (?:ERR!|error)(?: (?P<text>.*))?$")
_CODE: Final = re.compile(r"code (?P<code>\S{1,60})$")
_DETAIL: Final = re.compile(
    r"(?:errno|syscall|path|dest|cwd|command|signal|workspace|location|file|dev|enoent|Exit status"
    r"|A complete log|Failed at the|This is probably not)\b"
)
_SCRIPT: Final = re.compile(r"\S{1,200}@\S{1,100} \w|Lifecycle script |Test failed")
_PNPM: Final = re.compile(r"\s{0,4}(?P<code>ERR_PNPM_\w{1,60})\s+(?P<text>\S.*)")
_LIFECYCLE: Final = re.compile(r"\s{0,4}ELIFECYCLE\s+(?P<text>\S.*)")
_YARN: Final = re.compile(r"error (?P<text>[A-Z\"].*)")


class Npm:
    """The dialect; it holds the code of the lines that go on."""

    def __init__(self) -> None:
        self._code: str | None = None
        self._said = False

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if found := _NPM.match(text):
            self._read_npm((found["text"] or "").strip(), findings)
            return True
        self.settle(findings)
        if found := _PNPM.match(text):
            findings.error(f"{found['code']}: {found['text']}")
        elif found := _LIFECYCLE.match(text):
            findings.follows(found["text"])
        elif found := _YARN.match(text):
            if generic.is_consequence(found["text"]):
                findings.follows(found["text"])
            else:
                findings.error(found["text"])
        return bool(found)

    def settle(self, findings: Findings) -> None:
        """Add a code that no text followed."""
        if self._code and not self._said:
            findings.error(f"npm error {self._code}")
        self._code, self._said = None, False

    def _read_npm(self, text: str, findings: Findings) -> None:
        if self._said or not text or _DETAIL.match(text):
            return
        code = _CODE.match(text)
        if code:
            self._code = code["code"]
            if self._code.isdecimal() or self._code == "ELIFECYCLE":
                findings.follows(f"npm error {text}")
                self._said = True
            return
        self._said = True
        if _SCRIPT.match(text) or generic.is_consequence(text):
            findings.follows(f"npm error {text}")
        else:
            findings.error(f"{self._code}: {text}" if self._code else text)
