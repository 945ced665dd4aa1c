"""The figures of the runs, and the page that shows their medians. Pure."""

from collections.abc import Iterable
from statistics import median
from typing import Final

import msgspec
from chart import bars

_PAGE: Final = """\
# What a delivery costs

`make bench` writes this page, but for its last three parts. It compares the gateway with other
servers that do the same job, in one session on one machine. Figures are medians of {runs}
interleaved runs. In brackets: the ratio to stock socket.io in Node. It is the median of the ratios
of each round, because the machine is faster in one round than in the next.

![CPU time for an activity and a watcher](performance.svg)

{tables}
## How it is measured

- Each server is a process of its own, fed by one publisher through one Mosquitto: progress of
  20 builds by QoS 0. A load client in C, one thread with epoll, watches `builds/bench/#` with
  all its connections, by socket.io over WebSocket, without compression.
- CPU time is that of the server process with all its threads (`/proc/PID/stat`) in a window of
  {seconds:g} s. Reading from the broker is included; with few watchers it is a large part.
- CPU µs are for an activity and a watcher. The gateway merges states of progress of one build in
  40 ms; a merged state counts like one that was sent.
- *Single*: {single} activities times watchers a second, evenly. *Bursts*: {burst}, in bursts of 8
  activities at once. python-socketio gets a tenth of both: with the full load it would only fall
  further behind. *Quiet*: 10 activities a second. *Busy*: 2000 activities a second.
- p50 and p99 are times from the publisher to the client. An event has about {ours:.0f} bytes
  from the gateway and {node:.0f} from Node.
- KiB per idle watcher: growth of the resident memory from 100 watchers to all of them. Accepts:
  from the handshake to the answer to `watch`, 64 at a time.
- CPU µs per activity taken in: the server reads, checks and folds 60 000 activities that waited
  for it, by QoS 0, without a watcher.
- *socket.io (Node)* is socket.io with mqtt.js as their manuals show it: parse,
  `io.to(room).emit`. *python-socketio* is the same with paho, on uvicorn. Both are in
  `benchmarks/peers`. *send() in C* makes one system call for each delivery, and has no slow
  watchers, pings or filters: it is the least that a delivery can cost with one call each.
- Servers run on one core; broker, publisher and client on another. Compare ratios, not
  microseconds: those depend on the machine, on what else runs there, and on whether the client
  sleeps when a send wakes it. Where a server managed less than the load, it was behind, and its
  p50 says only that.

{machine}.
"""

_BY_HAND: Final = "\n## The official clients\n"

TITLES: Final = {
    "gateway": "Buildfeed's gateway",
    "node": "socket.io (Node)",
    "python": "python-socketio",
    "floor": "send() in C",
}


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one server.

    `_us` are microseconds of its CPU time for an activity and a watcher, `_rate` how many of these
    it managed a second, `_share` is its CPU time in percent of a core. The busy load is only for
    200 watchers. Memory and accepts are None where there are not enough watchers.
    """

    server: str
    watchers: int
    distinct_us: float
    distinct_rate: float
    p50_ms: float
    p99_ms: float
    burst_us: float
    burst_rate: float
    burst_p50_ms: float
    quiet_p50_ms: float
    quiet_p99_ms: float
    event_bytes: float
    ingest_us: float
    busy_share: float | None = None
    busy_rate: float | None = None
    busy_p99_ms: float | None = None
    idle_kib: float | None = None
    accepts: float | None = None
    accept_us: float | None = None


COLUMNS: Final[list[tuple[str, str, str]]] = [
    # heading, field, format
    ("CPU µs, single", "distinct_us", ".2f"),
    ("p50 ms", "p50_ms", ".1f"),
    ("p99 ms", "p99_ms", ".1f"),
    ("a second", "distinct_rate", ".0f"),
    ("CPU µs, bursts of 8", "burst_us", ".2f"),
    ("p50 ms", "burst_p50_ms", ".1f"),
    ("a second", "burst_rate", ".0f"),
    ("quiet: p50 ms", "quiet_p50_ms", ".1f"),
    ("quiet: p99 ms", "quiet_p99_ms", ".1f"),
    ("busy: % of a core", "busy_share", ".0f"),
    ("busy: p99 ms", "busy_p99_ms", ".1f"),
    ("busy: a second", "busy_rate", ".0f"),
    ("KiB per idle watcher", "idle_kib", ".1f"),
    ("accepts/s", "accepts", ".0f"),
    ("CPU µs per accept", "accept_us", ".0f"),
    ("CPU µs per activity taken in", "ingest_us", ".1f"),
]
RATIOS: Final = (
    "distinct_us",
    "p50_ms",
    "burst_us",
    "burst_p50_ms",
    "quiet_p50_ms",
    "busy_share",
    "idle_kib",
    "accepts",
    "ingest_us",
)


def by_hand(page_: str) -> str:
    """Return the end of a page, which other benchmarks have given: it stays."""
    _, found, rest = page_.partition(_BY_HAND)
    return found + rest


def page(found: list[Figures], *, machine: str, seconds: float, single: int, burst: int) -> str:
    """Return the page in Markdown."""
    size = {name: _median([f for f in found if f.server == name], "event_bytes") for name in TITLES}
    first = found[0]
    runs = sum(f.server == first.server and f.watchers == first.watchers for f in found)
    return _PAGE.format(
        runs=runs,
        tables=tables(found),
        seconds=seconds,
        single=f"{single:,}".replace(",", " "),
        burst=f"{burst:,}".replace(",", " "),
        ours=size["gateway"] or 0,
        node=size["node"] or 0,
        machine=machine,
    )


def chart(found: list[Figures]) -> str:
    """Return the chart as SVG: CPU time per delivery, without python-socketio, which is far off."""
    shown = [f for f in found if f.server != "python"]

    def group(size: int, field: str) -> dict[str, float]:
        servers = dict.fromkeys(f.server for f in shown)
        runs = {n: [f for f in shown if f.server == n and f.watchers == size] for n in servers}
        return {TITLES[n]: _median(mine, field) or 0 for n, mine in runs.items() if mine}

    groups = {}
    for size in sorted({f.watchers for f in shown}):
        groups[f"{size} watchers"] = group(size, "distinct_us")
        groups[f"{size} watchers, bursts of 8"] = group(size, "burst_us")
    return bars("CPU µs for an activity and a watcher", groups)


def tables(found: Iterable[Figures]) -> str:
    """Return the medians of all runs as Markdown, a table for each number of watchers."""
    runs = list(found)
    sizes = sorted({figures.watchers for figures in runs})
    return "\n".join(_table([f for f in runs if f.watchers == size], size) for size in sizes)


def _table(runs: list[Figures], size: int) -> str:
    servers = list(dict.fromkeys(figures.server for figures in runs))
    columns = [each for each in COLUMNS if _median(runs, each[1]) is not None]
    lines = [
        f"### {size} watchers\n",
        "| | " + " | ".join(heading for heading, _, _ in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for server in servers:
        mine = [f for f in runs if f.server == server]
        cells = [_cell(mine, runs, field, form) for _, field, form in columns]
        lines.append(f"| {TITLES[server]} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _cell(mine: list[Figures], runs: list[Figures], field: str, form: str) -> str:
    """Return the median; in brackets, the median of the ratios to Node in the same round."""
    ours = _median(mine, field)
    if ours is None:
        return ""
    text = format(ours, form)
    node = [f for f in runs if f.server == "node"]
    if node and field in RATIOS and mine[0].server != "node":
        rounds = zip(mine, node, strict=True)
        text += f" ({median(getattr(a, field) / getattr(b, field) for a, b in rounds):.2f}×)"
    return text


def _median(runs: list[Figures], field: str) -> float | None:
    found = [value for f in runs if (value := getattr(f, field)) is not None]
    return median(found) if found else None
