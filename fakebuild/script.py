"""The ticks of a fake build: the same script always gives the same ticks. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from buildfeed.activity import Script
from buildfeed.worker.runner import Error, Step

PAUSE: Final = 0.01
"""Shortest time in seconds between two ticks that are told: a broker, and a stop, must keep up."""
_ROUNDING: Final = 1e-9

_SOURCES: Final = ("parser", "lexer", "symbols", "types", "emit", "linker", "main")

_ERRORS: Final = (
    "error: 'tokens' undeclared (first use in this function)",
    "error: expected ';' before 'return'",
    "error: too few arguments to function 'resolve'",
    "error: incompatible types when assigning to type 'int' from type 'struct node'",
    "error: 'struct scope' has no member named 'outer'",
)


class Tick(Step, frozen=True, kw_only=True):
    """A step that ends `at` seconds after the attempt began."""

    at: float
    progress: int


def plan(script: Script) -> Iterator[Tick]:
    """Yield the ticks of `script`, evenly spaced.

    The error at p % belongs to the first tick that reaches p %; a percentage that is listed
    twice still gives one error.
    """
    listed = sorted(set(script.errors))
    raised = 0
    for step in range(1, script.steps + 1):
        progress = round(100 * step / script.steps)
        reached = bisect_right(listed, progress)
        yield Tick(
            at=script.seconds * step / script.steps,
            progress=progress,
            output=_output(step, script.steps),
            errors=tuple(Error(_error(step, percent)) for percent in listed[raised:reached]),
        )
        raised = reached


def paced(ticks: Iterable[Tick]) -> Iterator[Tick]:
    """Yield `ticks`, those joined that come within PAUSE of one before."""
    told = 0.0
    waiting: Tick | None = None
    for tick in ticks:
        waiting = _joined(waiting, tick) if waiting else tick
        if tick.at - told >= PAUSE - _ROUNDING:
            yield waiting
            told, waiting = tick.at, None
    if waiting:
        yield waiting


def _joined(first: Tick, then: Tick) -> Tick:
    return Tick(
        at=then.at,
        progress=then.progress,
        output=first.output + then.output,
        errors=first.errors + then.errors,
    )


def _source(step: int) -> str:
    return f"src/{_SOURCES[step % len(_SOURCES)]}.c"


def _output(step: int, steps: int) -> str:
    source = _source(step)
    return f"[{step}/{steps}] cc -c {source}\n"


def _error(step: int, percent: int) -> str:
    line, column = 10 + 7 * percent, 5 + percent % 40
    place = f"{_source(step)}:{line}:{column}"
    return f"step {step}: {place}: {_ERRORS[percent % len(_ERRORS)]}"
