"""The gateway processes, each as its own metrics tell it. Pure.

Processes that share a port tell each other their metrics as text (`siblings.py`). What operators
see of a process is read from the same text, so that nothing is counted twice in different ways.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

_LINE: Final = re.compile(
    r'(?:buildfeed|process)_(\w+?)(?:_total)?(?:\{\w+="([^"\\]*)"\})? (\S+)', re.ASCII
)
_MS: Final = 1000


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway process: lags in milliseconds, memory in bytes, counts since it started.

    `sent` events went to watchers; `merged` states were replaced by newer ones before they were
    sent; `refused` payloads were no activities.
    """

    process: str
    ready: bool
    broker_up: bool
    broker_lag_ms: float
    recorder_lag_ms: float
    loop_lag_ms: float
    started: float
    memory: int
    connections: int
    watchers: dict[str, int]
    stuck: int
    sent: int
    merged: int
    received: int
    refused: int
    starts: dict[str, int]
    stops: dict[str, int]
    connections_refused: dict[str, int]
    limits_reached: dict[str, int]
    failed_sign_ins: dict[str, int]


def processes(told: Mapping[str, str]) -> list[Process]:
    """Return the processes by their ids, of the text that each tells."""
    return [process(each, told[each]) for each in sorted(told, key=lambda id_: (len(id_), id_))]


def process(id_: str, text: str) -> Process:
    """Return a process, of its metrics in the classic text format."""
    values: dict[str, dict[str, float]] = {}
    for line in text.split("\n"):  # as it is written: a name may have other ends of a line
        if found := _LINE.fullmatch(line):
            name, label, value = found.groups()
            values.setdefault(name, {})[label or ""] = float(value)

    def one(name: str) -> float:
        return values.get(name, {}).get("", 0.0)

    def counts(name: str) -> dict[str, int]:
        return {label: int(value) for label, value in values.get(name, {}).items()}

    return Process(
        process=id_,
        ready=bool(one("ready")),
        broker_up=bool(one("broker_up")),
        broker_lag_ms=round(one("broker_lag_seconds") * _MS, 1),
        recorder_lag_ms=round(one("recorder_lag_seconds") * _MS, 1),
        loop_lag_ms=round(one("loop_lag_seconds") * _MS, 1),
        started=one("start_time_seconds"),
        memory=int(one("resident_memory_bytes")),
        connections=int(one("connections")),
        watchers=counts("watchers"),
        stuck=int(one("watchers_stuck")),
        sent=int(one("build_events_sent")),
        merged=int(one("states_merged")),
        received=sum(counts("activities_received").values()),
        refused=int(one("activities_refused")),
        starts=counts("starts"),
        stops=counts("stops"),
        connections_refused=counts("connections_refused"),
        limits_reached=counts("limits_reached"),
        failed_sign_ins=counts("failed_sign_ins"),
    )
