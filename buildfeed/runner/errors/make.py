"""Errors of GNU make and ninja. Pure.

`make: *** [Makefile:3: all] Error 2` says that a command failed, which has mostly said itself what
is wrong. It counts only if nothing better is found.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PATH

_FAILED: Final = re.compile(
    r"[\w./+-]{0,200}make(?:\.exe)?(?:\[\d{1,4}\])?: \*\*\* "
    r"\[(?:" + PATH + r":(?P<line>\d{1,9}): )?[^\]]{1,1024}\] "
)
_MAKE: Final = re.compile(r"[\w./+-]{0,200}make(?:\.exe)?(?:\[\d{1,4}\])?: (?P<text>.+)")
_STOPS: Final = re.compile(r"\*\*\* (?!Waiting |Deleting |wait: )(?P<text>.+)")
_NOT_FOUND: Final = re.compile(
    r"[^\s:]{1,1024}: (?:No such file|[Cc]ommand not found|Permission denied)"
)
_MAKEFILE: Final = re.compile(PATH + r":(?P<line>\d{1,9}): \*\*\* (?P<text>.+)")
_NINJA_FAILED: Final = re.compile(r"FAILED: (?!\S+\.py\b)\S|ninja: build stopped: ")


def read(text: str, findings: Findings) -> bool:
    """Read a line."""
    if found := _FAILED.match(text):
        findings.follows(text, found["file"], found["line"])
    elif found := _MAKE.match(text):
        said = _STOPS.match(found["text"])
        if said or _NOT_FOUND.match(found["text"]):
            findings.error(_stopped(said["text"] if said else found["text"]))
    elif found := _MAKEFILE.match(text):
        findings.error(_stopped(found["text"]), found["file"], found["line"])
    elif found := _NINJA_FAILED.match(text):
        findings.follows(text)
    return bool(found)


def _stopped(text: str) -> str:
    return text.strip().removesuffix("Stop.").rstrip()
