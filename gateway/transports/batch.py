"""The events that are due at one moment, and the fewest writes for them. Pure.

Watchers with the same events due get the same bytes, so these are joined once for all of them.
"""

from collections.abc import Iterator
from typing import TypeVar

from gateway.state.event import Event

W = TypeVar("W")

Due = tuple[Event, bytes, list[W]]
"""An event that is due: what it is, its frame, and the watchers that it goes to."""


def alike(due: list[Due[W]]) -> Iterator[tuple[list[W], list[Due[W]]]]:
    """Yield groups of watchers that have the same events due, with these events in their order."""
    watchers = due[0][2]
    if all(each[2] is watchers for each in due):
        yield watchers, due
        return
    # A set of events is a bit mask: an integer is extended and hashed with less work than a list.
    # Where two filters are watched, this takes half the time that lists of events take.
    masks: dict[W, int] = {}
    for number, (_, _, watchers) in enumerate(due):
        bit = 1 << number
        for watcher in watchers:
            masks[watcher] = masks.get(watcher, 0) | bit
    groups: dict[int, list[W]] = {}
    for watcher, mask in masks.items():
        groups.setdefault(mask, []).append(watcher)
    for mask, watchers in groups.items():
        yield watchers, [each for number, each in enumerate(due) if mask >> number & 1]


def pieces(due: list[Due[W]], most_bytes: int) -> Iterator[list[Due[W]]]:
    """Divide events, in their order, into pieces of at most `most_bytes`, or of one event."""
    piece: list[Due[W]] = []
    size = 0
    for each in due:
        size += len(each[1])
        if piece and size > most_bytes:
            yield piece
            piece, size = [], len(each[1])
        piece.append(each)
    yield piece
