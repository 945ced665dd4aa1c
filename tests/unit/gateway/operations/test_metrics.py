import asyncio
import os
import re
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from buildfeed.presence import Presence
from gateway.operations.loop_lag import LoopLag
from gateway.operations.metrics import Metrics
from gateway.operations.siblings import Siblings
from gateway.state.counters import Counters
from support.a_process import VITALS
from support.builders import accept, ending, progress, start
from support.scene import Scene

RUNNING = Path(__file__).parents[4] / "docs/running.md"

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def counters() -> Counters:
    return Counters()


def scraped(scene: Scene, counters: Counters, queues: dict[str, int] | None = None) -> Samples:
    """Return the value of each series by its name, without the prefix, and its labels."""
    text, _ = Metrics(scene.live, counters, lambda: VITALS).render("", queues or {}, {})
    return {
        (sample.name.removeprefix("buildfeed_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_builds_are_told_by_what_they_do(scene: Scene, counters: Counters) -> None:
    scene.receive(start("b1"), start("b2", priority="high"), accept(build="b3"))
    scene.receive(start("b6", not_before=datetime.now(UTC) + timedelta(hours=1)))
    scene.receive(progress(30, attempt=2, build="b4", worker="w2"), ending(build="b5"))

    samples = scraped(scene, counters)

    assert samples["builds_queued", "high"] == samples["builds_queued", "normal"] == 1
    assert samples["builds_delayed",] == 1
    assert samples["builds_running", "w1"] == samples["builds_running", "w2"] == 1
    assert samples["builds_retaken",] == 1
    assert samples["oldest_queued_seconds",] > 0


def test_workers_are_told_with_what_they_say_of_themselves(
    scene: Scene, counters: Counters
) -> None:
    scene.live.hear(Presence("w1", "online", slots=4, lag_ms=1500))
    scene.live.hear(Presence("w2", "offline", slots=4))

    samples = scraped(scene, counters)

    assert samples["workers", "online"] == samples["workers", "offline"] == 1
    assert samples["worker_loop_lag_seconds", "w1"] == 1.5
    assert samples["worker_slots", "w1"] == 4
    assert ("worker_slots", "w2") not in samples


def test_a_worker_that_is_silent_is_offline_and_forgotten_after_an_hour(
    scene: Scene, counters: Counters
) -> None:
    scene.hear("online")

    scene.after(31)
    assert scraped(scene, counters)["workers", "offline"] == 1
    scene.after(3600)
    assert scraped(scene, counters)["workers", "offline"] == 0


def test_what_is_beyond_a_limit_is_told_by_the_option(scene: Scene, counters: Counters) -> None:
    samples = scraped(scene, counters)
    assert samples["limits_reached_total", "messages-per-second"] == 2
    assert samples["snapshots_waiting",] == 8


def test_access_is_told_by_what_failed_and_what_is_known(scene: Scene, counters: Counters) -> None:
    samples = scraped(scene, counters)
    assert samples["failed_sign_ins_total", "failed"] == 11
    assert samples["failed_sign_ins_total", "refused"] == 12
    assert samples["tokens_known", "history"] == 13
    assert samples["tokens_known", "file"] == 14
    assert samples["audit_waiting",] == 15
    assert samples["audit_lost_total",] == 16


def test_many_names_of_workers_are_few_series(scene: Scene, counters: Counters) -> None:
    names = [f"n{number}" for number in range(4_000)]
    scene.receive(*(accept(build=name, worker=name) for name in names))
    for name in names:
        scene.live._roster.presence(Presence(name, "online", slots=1, lag_ms=9), 1000)
    scene.live.hear(Presence("w1", "online", slots=4))

    samples = scraped(scene, counters)

    assert len(samples) < 2000
    assert samples["worker_slots", "w1"] == 4
    running = [value for (name, *_), value in samples.items() if name == "builds_running"]
    assert sum(running) == 4_000
    assert samples["worker_slots", "(others)"] == 4_001 - 500
    assert samples["worker_loop_lag_seconds", "(others)"] == 0.009
    assert samples["workers", "online"] == 4_001


def test_commands_are_told_by_outcome(scene: Scene, counters: Counters) -> None:
    assert scraped(scene, counters)["starts_total", "accepted"] == 0
    counters.starts["accepted"] += 2
    counters.starts["broker-unavailable"] += 1
    counters.stops["already-ended"] += 1

    samples = scraped(scene, counters)

    assert samples["starts_total", "accepted"] == 2
    assert samples["starts_total", "broker-unavailable"] == 1
    assert samples["stops_total", "already-ended"] == 1


def test_waiting_times_are_a_histogram(scene: Scene, counters: Counters) -> None:
    counters.receive(accept(), scene.live.board)

    samples = scraped(scene, counters)

    name = "build_waiting_seconds"
    assert samples[f"{name}_count",] == samples[f"{name}_bucket", "+Inf"] == 1
    assert samples[f"{name}_bucket", "5.0"] == 0
    assert samples[f"{name}_bucket", "10.0"] == samples[f"{name}_bucket", "30.0"] == 1
    assert samples[f"{name}_sum",] == 8


def test_the_process_tells_how_it_is(scene: Scene, counters: Counters) -> None:
    scene.receive(accept())
    scene.after(2)

    samples = scraped(scene, counters)

    assert (samples["ready",], samples["broker_up",]) == (1, 0)
    assert samples["broker_lag_seconds",] == 0.004
    assert samples["loop_lag_seconds",] == 0.02
    assert samples["recorder_lag_seconds",] == 2
    assert (samples["watchers", "socketio"], samples["watchers", "sse"]) == (7, 2)
    assert samples["watchers_stuck_total",] == 1
    assert samples["states_merged_total",] == 30
    assert samples["build_events_sent_total",] == 100
    assert samples["activities_refused_total",] == 3
    assert samples["process_resident_memory_bytes",] > 0


def test_queues_are_told_only_when_they_are_known(scene: Scene, counters: Counters) -> None:
    samples = scraped(scene, counters, {"builds": 12, "builds.dead": 1})

    assert samples["queue_messages", "builds"] == 12
    assert samples["queue_messages", "builds.dead"] == 1
    assert not [key for key in scraped(scene, counters) if key[0] == "queue_messages"]


def test_one_process_answers_for_all_that_share_its_port(scene: Scene, counters: Counters) -> None:
    counters.starts["accepted"] += 2
    counters.receive(accept(), scene.live.board)
    metrics = Metrics(scene.live, counters, lambda: VITALS)
    told = {"11": metrics.text(), "12": metrics.text()}

    for accept_header in ("", "application/openmetrics-text"):
        raw, _ = metrics.render(accept_header, {"builds": 12}, told)
        text = raw.decode()

        assert text.count("# TYPE buildfeed_watchers gauge") == 1
        for process in told:
            assert f'watchers{{process="{process}",transport="sse"}} 2.0' in text
            assert f'starts_total{{outcome="accepted",process="{process}"}} 2.0' in text
            assert f'waiting_seconds_bucket{{le="10.0",process="{process}"}} 1.0' in text
            assert f'process_open_fds{{process="{process}"}}' in text
        assert 'buildfeed_queue_messages{queue="builds"} 12.0' in text  # the broker's, once


def test_processes_hear_of_each_other_as_long_as_they_speak(tmp_path: Path) -> None:
    own = str(os.getpid())
    siblings = Siblings(tmp_path, lambda: "as of now")
    with subprocess.Popen(["sleep", "60"]) as frozen, subprocess.Popen(["sleep", "60"]) as other:
        for process, age in ((frozen.pid, 60), (other.pid, 1)):
            file = tmp_path / f"{process}.txt"
            file.write_text("a moment ago")
            os.utime(file, (time.time() - age,) * 2)

        assert siblings.told() == {str(other.pid): "a moment ago", own: "as of now"}

        frozen.kill()
        other.kill()
    assert siblings.told() == {own: "as of now"}

    async def tell_once() -> None:
        telling = asyncio.create_task(siblings.run())
        await asyncio.sleep(0)
        telling.cancel()

    asyncio.run(tell_once())
    assert [each.name for each in tmp_path.iterdir()] == [f"{own}.txt"]


@pytest.mark.parametrize("name", ["w\r1", 'w\n"1\\', "w\x85\x1c\u20281", " w \x00", "w} 1", "w�"])
def test_any_name_of_a_worker_is_told_by_several_processes(
    scene: Scene, counters: Counters, tmp_path: Path, name: str
) -> None:
    scene.receive(accept(worker=name))
    metrics = Metrics(scene.live, counters, lambda: VITALS)
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / f"{other.pid}.txt").write_bytes(metrics.text().encode())
        told = Siblings(tmp_path, metrics.text).told()
        text, _ = metrics.render("", {}, told)
        other.kill()
    running = [
        (sample.labels["worker"], sample.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == "buildfeed_builds_running"
    ]
    assert running == [(name, 1.0)] * 2


@pytest.mark.parametrize(
    ("accept_header", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/plain;version=1.0.0;escaping=underscores", "text/plain; version=1.0.0"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
        ("text/plain;version=abc", "text/plain; version=0.0.4"),
        ("text/plain; Version = 1e9;q=1, application/openmetrics-text; version=2", "text/plain"),
        ("text/plain;version=x, text/plain;version=1.0.0", "text/plain; version=1.0.0"),
        (";version=;,\xff", "text/plain; version=0.0.4"),
    ],
)
def test_the_format_is_the_one_asked_for(
    scene: Scene, counters: Counters, accept_header: str, content_type: str
) -> None:
    text, answered = Metrics(scene.live, counters, lambda: VITALS).render(accept_header, {}, {})

    assert answered.startswith(content_type)
    assert b"buildfeed_ready 1.0" in text


def test_every_metric_is_documented_with_its_type_and_label(
    scene: Scene, counters: Counters
) -> None:
    scene.receive(start("b1"), accept(build="b2"))
    scene.hear("online")
    raw, _ = Metrics(scene.live, counters, lambda: VITALS).render("", {"builds": 0}, {})
    text = raw.decode()
    labels = dict(re.findall(r"^(buildfeed_\w+){(?!le=)(\w+)=", text, re.MULTILINE))
    told = {
        (name, type_, labels.get(name, ""))
        for name, type_ in re.findall(r"^# TYPE (buildfeed_\w+) (\w+)$", text, re.MULTILINE)
    }

    row = r"^\| `(buildfeed_\w+)` \| (\w+) \| (?:`(\w+)` )?\|"
    assert set(re.findall(row, RUNNING.read_text(), re.MULTILINE)) == told


async def test_the_lag_of_the_loop_is_seen() -> None:
    lag = LoopLag()
    measuring = asyncio.create_task(lag.run())
    await asyncio.sleep(0)  # its timer runs from here
    time.sleep(0.5)  # noqa: ASYNC251 - what holds the loop up
    await asyncio.sleep(0.3)  # its timer fires, late
    measuring.cancel()
    with suppress(asyncio.CancelledError):
        await measuring
    assert lag.worst > 0.2
