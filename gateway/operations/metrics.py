"""Metrics for Prometheus, computed from the state of the gateway when they are asked for."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from gateway.state.counters import WAITING_BOUNDS, Counters
from gateway.state.live import Live
from gateway.state.overview import Overview, overview, shown

_VERSION: Final = re.compile(r";\s*version\s*=\s*([^;,]*?)\s*(?=[;,]|$)", re.IGNORECASE)
_VERSIONS: Final = frozenset(["0.0.1", "0.0.4", "1.0.0"])
"""Of the text format and of OpenMetrics."""


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """The condition of the parts of a process: lags in seconds, counters since it started."""

    ready: bool
    broker_up: bool
    broker_lag: float
    loop_lag: float
    watchers: dict[str, int]
    events_sent: int
    states_merged: int
    watchers_stuck: int
    activities_refused: int
    connections: int
    connections_refused: dict[str, int]
    limits_reached: dict[str, int]
    snapshots_waiting: int
    sign_ins: dict[str, int]
    tokens_known: dict[str, int]
    audit_waiting: int
    audit_lost: int
    broker_auth: dict[str, int]
    provider: dict[str, int]


class Metrics(Collector):
    """The metrics of one gateway process, in a registry of their own.

    `vitals` tells how the process is at this moment.
    """

    def __init__(self, live: Live, counters: Counters, vitals: Callable[[], Vitals]) -> None:
        self._live = live
        self._counters = counters
        self._vitals = vitals
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector("", os.getpid, "/proc", self._registry)

    def text(self) -> str:
        """Return the metrics of this process, in the classic text format."""
        return generate_latest(self._registry).decode()

    def render(
        self, accept: str, queues: Mapping[str, int], told: Mapping[str, str]
    ) -> tuple[bytes, str]:
        """Return the text and its content type, in the format that the header `accept` wants.

        `queues` are the lengths of the broker's queues by name, empty when they are not known.
        `told` has the `text` of each process by its id when several share a port: then all that
        one of them tells has its id as the label `process`. Else it is empty.
        """
        families = _of_processes(told) if told else list(self._registry.collect())
        if queues:
            help_ = "Starts in a queue of the broker"
            families.append(_gauges("queue_messages", help_, "queue", queues))
        encode, content_type = choose_encoder(_known(accept))
        return encode(_Collected(families)), content_type

    def describe(self) -> list[Metric]:
        """Return nothing: the names are those of the first `collect`."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it is now."""
        live = self._live
        now = overview(live.board.unfinished(), live.workers(), datetime.now(UTC), live.lost)
        yield from _of_builds(now)
        yield from _of_workers(now)
        yield from self._of_commands()
        yield from self._of_the_process(self._vitals())

    def _of_commands(self) -> Iterator[Metric]:
        counters = self._counters
        yield _counters("starts", "Starts asked of this gateway", "outcome", counters.starts)
        yield _counters("stops", "Stops asked of this gateway", "outcome", counters.stops)
        yield _counter("attempts_retaken", "Attempts after the first", counters.retaken)
        bounds = [*map(str, WAITING_BOUNDS), "+Inf"]
        yield HistogramMetricFamily(
            "buildfeed_build_waiting_seconds",
            "From queued to first running",
            buckets=list(zip(bounds, accumulate(counters.waiting), strict=True)),
            sum_value=counters.waited,
        )

    def _of_the_process(self, vitals: Vitals) -> Iterator[Metric]:
        received = self._counters.received
        yield _counters("activities_received", "Activities from the broker", "kind", received)
        refused = vitals.activities_refused
        yield _counter("activities_refused", "Payloads that are no activities", refused)
        yield _counter("build_events_sent", "Events `build` to watchers", vitals.events_sent)
        merged = vitals.states_merged
        yield _counter("states_merged", "States that newer ones replaced", merged)
        yield _gauges("watchers", "Watchers connected", "transport", vitals.watchers)
        stuck = vitals.watchers_stuck
        yield _counter("watchers_stuck", "Watchers closed as they took nothing", stuck)
        yield _gauge("connections", "Connections, and sessions that poll", vitals.connections)
        beyond = vitals.connections_refused
        yield _counters("connections_refused", "Connections too many", "reason", beyond)
        beyond = vitals.limits_reached
        yield _counters("limits_reached", "Clients and requests beyond a limit", "limit", beyond)
        waiting = vitals.snapshots_waiting
        yield _gauge("snapshots_waiting", "Snapshots that wait for the history", waiting)
        yield from _of_access(vitals)
        yield _gauge("ready", "1 when connected and caught up", vitals.ready)
        yield _gauge("broker_up", "1 while the probe comes back", vitals.broker_up)
        yield _gauge("broker_lag_seconds", "Last round trip of the probe", vitals.broker_lag)
        lag = self._live.recorder_lag()
        yield _gauge("recorder_lag_seconds", "Age of the oldest change not in history", lag)
        yield _gauge("loop_lag_seconds", "Event loop, the worst of 15 s", vitals.loop_lag)
        process = {"pid": str(os.getpid())}
        yield InfoMetricFamily("buildfeed_gateway", "The process that answers", process)


def _known(accept: str) -> str:
    """Return the header without formats of versions that there are not: the library fails there."""
    formats = ((each, _VERSION.findall(each)) for each in accept.split(","))
    return ",".join(each for each, versions in formats if _VERSIONS.issuperset(versions))


class _Collected(Collector):
    """Metrics that were collected before."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of_processes(told: Mapping[str, str]) -> list[Metric]:
    families: dict[str, Metric] = {}
    for process, text in told.items():
        for family in text_string_to_metric_families(text):
            known = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                labels = sample.labels | {"process": process}
                known.add_sample(sample.name, labels, sample.value)
    return list(families.values())


def _of_builds(now: Overview) -> Iterator[Metric]:
    queued = {str(priority): count for priority, count in now.queued.items()}
    yield _gauges("builds_queued", "Builds that wait", "priority", queued)
    yield _gauge("builds_delayed", "Builds that may not begin yet", now.delayed)
    yield _gauge("oldest_queued_seconds", "Age of the oldest queued build", now.oldest_seconds)
    online = shown([each for each in now.workers if each.online])
    running = {each.worker: each.running for each in online if each.running}
    yield _gauges("builds_running", "Builds that run", "worker", running)
    yield _gauge("builds_lost", "Builds whose worker is offline or silent", now.lost)
    yield _gauge("builds_retaken", "Unfinished builds in a further attempt", now.retaken)


def _of_workers(now: Overview) -> Iterator[Metric]:
    online = [each for each in now.workers if each.online]
    states = {"online": len(online), "offline": len(now.workers) - len(online)}
    yield _gauges("workers", "Workers heard of in the last hour", "state", states)
    named = shown(online)
    slots = {each.worker: each.slots for each in named}
    yield _gauges("worker_slots", "Builds a worker runs at a time", "worker", slots)
    lags = {each.worker: each.lag_ms / 1000 for each in named}
    yield _gauges("worker_loop_lag_seconds", "Event loop of a worker", "worker", lags)


def _of_access(vitals: Vitals) -> Iterator[Metric]:
    what = "Attempts to sign in with what is good no more"
    yield _counters("failed_sign_ins", what, "outcome", vitals.sign_ins)
    yield _gauges("tokens_known", "Tokens known to the process", "source", vitals.tokens_known)
    yield _gauge("audit_waiting", "Rows of the audit not recorded yet", vitals.audit_waiting)
    asked = vitals.broker_auth
    yield _counters("broker_auth", "Questions of RabbitMQ about tokens", "outcome", asked)
    what = "Times that the OpenID provider was asked for its keys"
    yield _counters("oidc_key_reads", what, "outcome", vitals.provider)
    yield _counter("audit_lost", "Rows of the audit that were not recorded", vitals.audit_lost)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"buildfeed_{name}", what, value)


def _gauges(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"buildfeed_{name}", what, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counter(name: str, what: str, value: int) -> Metric:
    return CounterMetricFamily(f"buildfeed_{name}", what, value)


def _counters(name: str, what: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"buildfeed_{name}", what, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
