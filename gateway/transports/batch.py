"""The events that are due at one moment, and the fewest writes for them. Pure.

Watchers with the same events due get the same bytes, so these are joined once for all of them.
"""

from collections.abc import Iterator
from typing import TypeVar

from gateway.state.event import Event

W = TypeVar("W")

Due = tuple[Event, list[W]]
"""An event that is due, and the watchers that it goes to."""

Encoded = tuple[Event, bytes]
"""An event and its bytes."""


def alike(due: list[Due[W]]) -> Iterator[tuple[list[W], list[Event]]]:
    """Yield groups of watchers that have the same events due, with these events in their order."""
    watchers = due[0][1]
    if all(each[1] is watchers for each in due):
        yield watchers, [event for event, _ in due]
        return
    # A set of events is a bit mask. An integer is quickly extended and hashed: with two filters it
    # takes 50 ns of a delivery (of 2 µs in all), where lists of events take 90.
    masks: dict[W, int] = {}
    for number, (_, watchers) in enumerate(due):
        bit = 1 << number
        for watcher in watchers:
            masks[watcher] = masks.get(watcher, 0) | bit
    groups: dict[int, list[W]] = {}
    for watcher, mask in masks.items():
        groups.setdefault(mask, []).append(watcher)
    for mask, watchers in groups.items():
        yield watchers, [event for number, (event, _) in enumerate(due) if mask >> number & 1]


def newest(events: list[Event]) -> list[Event]:
    """Return events without the passing ones that are followed by another of the same subject."""
    last = {event.subject: number for number, event in enumerate(events) if event.passing}
    return [
        event
        for number, event in enumerate(events)
        if not event.passing or last[event.subject] == number
    ]


def pieces(events: list[Encoded], most_bytes: int) -> Iterator[list[Encoded]]:
    """Divide events, in their order, into pieces of at most `most_bytes`, or of one event."""
    piece: list[Encoded] = []
    size = 0
    for each in events:
        size += len(each[1])
        if piece and size > most_bytes:
            yield piece
            piece, size = [], len(each[1])
        piece.append(each)
    yield piece
