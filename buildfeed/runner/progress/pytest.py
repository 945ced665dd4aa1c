"""pytest, also with xdist: dots and verbose lines with `[ 42%]` at their end. Pure.

The percentage is pytest's own. The tests are counted too, by letters or lines; the count is told
while it agrees with the percentage: a test that is run again (`R`) has two letters.

Forms: `tests/test_a.py ..F.   [ 42%]`, `....  [42%]`, `a.py::test_b PASSED   [ 42%]`, and of
xdist `[gw1] [ 42%] PASSED tests/test_a.py::test_b`. With `console_output_style = count` `[12/40]`
is in place of the percentage, with `classic` nothing.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase, portion

_SESSION: Final = re.compile(r"=+ test session starts =+$")
_COLLECTED: Final = re.compile(
    r"(?:collecting [0-9.]{1,20} ?(?:items? )?)?collected (?P<all>[0-9]{1,7}) items?"
    r"(?: / (?P<rest>.{0,200}))?"
)
_SELECTED: Final = re.compile(r"(?P<selected>[0-9]{1,7}) selected")
_WORKERS: Final = re.compile(
    r"(?:[0-9]{1,4} workers? \[(?P<items>[0-9]{1,7}) items?\]|gw0 \[(?P<each>[0-9]{1,7})\](?: |$))"
)
_PLACE: Final = r"\[ {0,6}(?:(?P<percent>[0-9]{1,3})%|(?P<done>[0-9]{1,7})/(?P<total>[0-9]{1,7}))\]"
_END: Final = re.compile(" " + _PLACE + " {0,4}$")
_LONGEST_END: Final = 24
_OUTCOME: Final = r"(?:PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS|RERUN)"
_WORKER_LINE: Final = re.compile(
    r"\[gw[0-9]{1,4}\] (?:" + _PLACE + " )?" + _OUTCOME + " (?P<test>.*)"
)
_ENDED: Final = re.compile(" " + _OUTCOME + "(?: |$)")
_SUMMARY: Final = re.compile(r"=+ [0-9]{1,7} \w{1,20}\b.{0,200} in [0-9.]{1,12}s\b")
_LETTERS: Final = re.compile(
    r"(?:(?P<file>\S{1,300}\.\w{1,8}) )?(?P<letters>[.FEsxXRpP]{1,400}) *$"
)


class PyTest:
    """Reads one session after the other."""

    def __init__(self) -> None:
        self._begin(None)
        self._in_session = False

    def _begin(self, total: int | None) -> None:
        self._total = total
        self._tests = 0

    def read(self, line: Line) -> Reading | None:
        """Return the percentage and the tests, as far as they are known."""
        text = line.text
        if _SESSION.match(text):
            self._in_session = True
            self._begin(None)
        elif (total := _announced(text)) is not None:
            self._in_session = True
            self._begin(total)
            return Reading(phase=f"collected {total} tests")
        elif _SUMMARY.match(text):
            self._in_session = False
        elif worker_line := _WORKER_LINE.match(text):
            return self._read_end(worker_line, worker_line["test"], tests=1)
        else:
            end = _END.search(text, max(len(text) - _LONGEST_END, 0))
            if end or self._in_session:
                return self._read_result(text[: end.start()] if end else text, end)
        return None

    def _read_result(self, result: str, end: re.Match[str] | None) -> Reading | None:
        ended = _ENDED.search(result)
        if ended and "::" in (test := result[: ended.start()]):
            return self._read_end(end, test, tests=1)
        letters = _LETTERS.match(result)
        if letters and (end or letters["file"]):
            return self._read_end(end, letters["file"] or "", tests=len(letters["letters"]))
        if end and self._in_session:  # the output of a test stands between its letters
            return self._read_end(end, "", tests=0)
        return None

    def _read_end(self, end: re.Match[str] | None, phase: str, *, tests: int) -> Reading | None:
        self._tests += tests
        phase = phrase(phase)
        if end and end["total"]:
            return counted(int(end["done"]), int(end["total"]), phase)
        count = counted(self._tests, self._total, phase) if self._total else None
        if end and end["percent"]:
            percent = int(end["percent"])
            agrees = count is not None and count.portion == percent
            return count if agrees else portion(percent, phase)
        return count or Reading(done=self._tests, phase=phase)


def _announced(text: str) -> int | None:
    """Return the number of tests that a session will run, None when `text` does not say it."""
    if workers := _WORKERS.match(text):
        return int(workers["items"] or workers["each"])
    collected = _COLLECTED.match(text)
    if collected is None:
        return None
    selected = _SELECTED.search(collected["rest"] or "")
    return int(selected["selected"] if selected else collected["all"])
