"""A build in one line for people. Pure."""

from typing import Final

from buildfeed.terminal.picture import State
from buildfeed.text import printable

UNKNOWN_END: Final = "has ended; how is not known here"


def name(state: State) -> str:
    """Return which build it is, as `acme 01a1`."""
    return f"{state.project} {state.build}"


def told(state: State) -> str:
    """Return what is to be told of a build, without its name: all of it fit for a terminal."""
    return ", ".join(filter(None, [status(state), *_remarks(state), errors(state)]))


def status(state: State) -> str:
    """Return its status, of a running build with how far it is."""
    if state.status != "running":
        return printable(state.status)
    how_far = "" if state.indeterminate else f" {state.progress} %"
    phase = f" {printable(state.phase)}" if state.phase else ""
    return f"running{how_far}{phase}"


def errors(state: State) -> str:
    """Return how many errors it has, and the first line of the newest; nothing without any."""
    if not state.errors:
        return ""
    count = f"{state.errors} error{'' if state.errors == 1 else 's'}"
    newest = (state.error or "").strip().partition("\n")[0].strip()
    return f"{count}: {printable(newest)}" if newest else count


def _remarks(state: State) -> list[str]:
    remarks = []
    by = f" by {printable(state.stopped_by)}" if state.stopped_by else ""
    if state.status == "queued" and state.ahead:
        remarks.append(f"{state.ahead} before it")
    if state.status == "running" and state.attempt > 1:
        remarks.append(f"attempt {state.attempt}")
    if state.lost and not state.ended:
        remarks.append("lost: nothing is heard of its worker")
    if state.stopping:
        remarks.append(f"asked to stop{by}")
    if state.status == "stopped":
        remarks.append(by.strip())
    if state.exit_code is not None:
        is_signal = state.exit_code < 0
        remarks.append(
            f"signal {-state.exit_code}" if is_signal else f"exit code {state.exit_code}"
        )
    return remarks
