"""cargo: the bar `Building [===>   ] 12/40: serde`, lines like `Compiling serde v1.0`, JSON. Pure.

Only the bar knows the total, and cargo draws it only on a terminal (or with
`CARGO_TERM_PROGRESS_WHEN=always`). JSON is that of `--message-format=json`:
https://doc.rust-lang.org/cargo/reference/external-tools.html.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_BAR: Final = re.compile(
    r" {2,12}Building \[[=> ]{0,200}\] (?P<done>[0-9]{1,6})/(?P<total>[0-9]{1,6})"
    r"(?::(?P<units>.*))?"
)
_UNIT: Final = re.compile(
    r" {2,12}(?P<unit>(?:Compiling|Checking|Documenting) \S{1,200}) v[0-9]\S{0,100}(?: |$)"
)
_FETCH: Final = re.compile(
    r" {2,12}(?P<phase>(?:Updating|Locking|Downloading|Downloaded|Blocking|Running|Doc-tests) .*)"
)
_FINISHED: Final = re.compile(r" {2,12}Finished ")
_ARTIFACT: Final = re.compile(
    r'\{"reason":"compiler-artifact","package_id":"(?P<package>[^"]{1,500})"'
)


class Cargo:
    """Reads the units of a build; what tests print is read by `rust_tests.py`."""

    def __init__(self) -> None:
        self._units = 0
        self._bar: Reading | None = None

    def read(self, line: Line) -> Reading | None:
        """Return the count: of units that ended by the bar, else of units that began."""
        text = line.text
        if bar := _BAR.match(text):
            units = phrase(bar["units"] or "")
            self._bar = counted(int(bar["done"]), int(bar["total"]), units) or self._bar
            return self._bar
        if unit := _UNIT.match(text):
            return self._count(unit["unit"])
        if artifact := _ARTIFACT.match(text):
            return self._count(_name(artifact["package"]))
        if fetch := _FETCH.match(text):
            return Reading(phase=phrase(fetch["phase"]))
        if self._bar and self._bar.total and _FINISHED.match(text):
            return counted(self._bar.total, self._bar.total)
        return None

    def _count(self, unit: str) -> Reading:
        self._units += 1
        if self._bar:
            return Reading(phase=phrase(unit))
        return Reading(done=self._units, phase=phrase(unit))


def _name(package_id: str) -> str:
    """Return the name in the id of a package: `registry+https://…#serde@1.0`, `path+file:///x#1.0`.

    Source: https://doc.rust-lang.org/cargo/reference/pkgid-spec.html.
    """
    path, _, fragment = package_id.partition("#")
    return fragment.partition("@")[0] if "@" in fragment else path.rpartition("/")[2]
