"""Vite and Rollup: `transforming (12) src/app.js`, a count without a total. Pure.

Modules are counted. Chunks, which come after them and begin at 1 again, are a phase.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, phrase

_PHASE: Final = re.compile(
    r"(?P<phase>transforming|rendering chunks|computing gzip size) ?\((?P<done>[0-9]{1,7})\)"
    r"(?P<rest>.*)"
)
_BEGUN: Final = re.compile(r"(?P<phase>transforming|rendering chunks|computing gzip size)\.\.\.$")
_TRANSFORMED: Final = re.compile(r"✓ (?P<done>[0-9]{1,7}) modules? transformed\.")


class Vite:
    """Reads what is drawn while it bundles."""

    def read(self, line: Line) -> Reading | None:
        """Return the number of modules, and the phase."""
        if phase := _PHASE.match(line.text):
            if phase["phase"] != "transforming":
                return Reading(phase=f"{phase['phase']} ({phase['done']})")
            text = phase["phase"] + " " + phase["rest"].lstrip(". ")
            return Reading(done=int(phase["done"]), phase=phrase(text))
        if begun := _BEGUN.match(line.text):
            return Reading(phase=begun["phase"])
        if transformed := _TRANSFORMED.match(line.text):
            return Reading(done=int(transformed["done"]))
        return None
