"""The figures of the runs, and the page that shows their medians. Pure."""

from collections.abc import Iterable
from statistics import median
from typing import Final

import msgspec

TITLES: Final = {
    "gateway": "Buildfeed's gateway",
    "node": "socket.io (Node)",
    "python": "python-socketio",
    "floor": "send() in C",
}


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one server.

    `_us` are microseconds of its CPU time, `_rate` events delivered a second. Where there are not
    enough watchers, nothing is said of memory and accepts.
    """

    server: str
    watchers: int
    distinct_us: float
    distinct_rate: float
    p50_ms: float
    burst_us: float
    burst_rate: float
    burst_p50_ms: float
    event_bytes: float
    ingest_us: float
    idle_kib: float | None = None
    accepts: float | None = None
    accept_us: float | None = None


COLUMNS: Final[list[tuple[str, str, str]]] = [
    # heading, field, format
    ("CPU µs per delivery, single", "distinct_us", ".2f"),
    ("p50 ms", "p50_ms", ".1f"),
    ("deliveries/s", "distinct_rate", ".0f"),
    ("CPU µs per delivery, bursts of 8", "burst_us", ".2f"),
    ("p50 ms", "burst_p50_ms", ".1f"),
    ("deliveries/s", "burst_rate", ".0f"),
    ("KiB per idle watcher", "idle_kib", ".1f"),
    ("accepts/s", "accepts", ".0f"),
    ("CPU µs per accept", "accept_us", ".0f"),
]
RATIOS: Final = ("distinct_us", "p50_ms", "burst_us", "burst_p50_ms", "idle_kib", "accepts")


def tables(found: Iterable[Figures]) -> str:
    """Return the medians of all runs as Markdown, a table for each number of watchers."""
    runs = list(found)
    sizes = sorted({figures.watchers for figures in runs})
    return "\n".join(_table([f for f in runs if f.watchers == size], size) for size in sizes)


def _table(runs: list[Figures], size: int) -> str:
    servers = list(dict.fromkeys(figures.server for figures in runs))
    lines = [
        f"### {size} watchers\n",
        "| | " + " | ".join(heading for heading, _, _ in COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for server in servers:
        mine = [f for f in runs if f.server == server]
        cells = [_cell(mine, runs, field, form) for _, field, form in COLUMNS]
        lines.append(f"| {TITLES[server]} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _cell(mine: list[Figures], runs: list[Figures], field: str, form: str) -> str:
    """Return the median, in brackets the ratio to that of Node."""
    ours = _median(mine, field)
    if ours is None:
        return ""
    node = _median([f for f in runs if f.server == "node"], field)
    text = format(ours, form)
    if node and field in RATIOS and mine[0].server != "node":
        text += f" ({ours / node:.2f}×)"
    return text


def _median(runs: list[Figures], field: str) -> float | None:
    found = [value for f in runs if (value := getattr(f, field)) is not None]
    return median(found) if found else None
