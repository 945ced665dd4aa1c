from datetime import timedelta

from buildfeed.activity import Activity
from buildfeed.presence import Presence, RunningBuild
from gateway.state.overview import Overview, WorkerLoad, overview
from support.builders import accept, progress, start
from support.samples import NOW, QUEUED
from support.scene import recorded


def seen(*activities: Activity, workers: list[tuple[Presence, bool]] | None = None) -> Overview:
    return overview(map(recorded, activities), workers or [], NOW)


def test_nothing_waits_in_an_empty_house() -> None:
    assert seen() == Overview(
        queued={"high": 0, "normal": 0},
        delayed=0,
        oldest_seconds=0,
        running=0,
        lost=0,
        retaken=0,
        workers=[],
    )


def test_queued_builds_are_counted_by_priority_and_the_oldest_has_an_age() -> None:
    late = QUEUED.queued_time + timedelta(seconds=3)
    now = seen(start("b1"), start("b2", queued_time=late), start("b3", priority="high"))

    assert now.queued == {"high": 1, "normal": 2}
    assert now.oldest_seconds == (NOW - QUEUED.queued_time).total_seconds() == 8


def test_a_delayed_build_waits_and_grows_old_from_the_time_it_may_begin() -> None:
    now = seen(
        start("b1", not_before=NOW - timedelta(seconds=2)),
        start("b2", not_before=NOW + timedelta(hours=1)),
    )

    assert (now.queued["normal"], now.delayed, now.oldest_seconds) == (1, 1, 2)


def test_a_build_that_runs_is_not_delayed_though_a_clock_is_behind() -> None:
    now = seen(accept(not_before=NOW + timedelta(seconds=1)))

    assert (now.running, now.delayed) == (1, 0)


def test_a_clock_that_is_ahead_makes_no_negative_age() -> None:
    assert seen(start(queued_time=NOW + timedelta(seconds=9))).oldest_seconds == 0


def test_running_builds_are_counted_by_worker() -> None:
    workers = [
        (Presence("w2", "online", slots=4, lag_ms=7), True),
        (Presence("w1", "offline", slots=2), False),
    ]
    now = seen(
        progress(1, build="b1"),
        progress(1, build="b2", worker="w2"),
        accept(attempt=2, build="b3", worker="w2"),
        accept(build="b4", worker="w9"),
        workers=workers,
    )

    assert (now.running, now.retaken) == (4, 1)
    assert now.workers == [
        WorkerLoad("w1", online=False, running=1, slots=2, lag_ms=0),
        WorkerLoad("w2", online=True, running=2, slots=4, lag_ms=7),
        WorkerLoad("w9", online=True, running=1, slots=0, lag_ms=0),
    ]


def test_a_slot_is_busy_though_its_build_has_ended_for_everybody_else() -> None:
    holds = tuple(RunningBuild("acme", build, 1) for build in ("b1", "b2"))
    said = Presence("w1", "online", builds=holds, slots=2)
    now = seen(progress(1, build="b2"), start("b3"), workers=[(said, True)])  # b1 has ended

    assert (now.running, now.queued["normal"]) == (2, 1)
    assert now.workers == [WorkerLoad("w1", online=True, running=2, slots=2, lag_ms=0)]


def test_a_build_that_two_workers_hold_keeps_both_busy_and_runs_once() -> None:
    holds = (RunningBuild("acme", "b1", 1),)
    frozen = Presence("w1", "online", builds=holds, slots=1), True
    now = seen(accept(attempt=2, worker="w2"), workers=[frozen])

    assert now.running == 1
    assert [(each.worker, each.running) for each in now.workers] == [("w1", 1), ("w2", 1)]


def test_what_a_worker_held_before_it_fell_silent_keeps_nobody_busy() -> None:
    said = Presence("w1", "online", builds=(RunningBuild("acme", "b1", 1),), slots=2)
    now = seen(workers=[(said, False)])

    assert (now.running, now.workers[0].running) == (0, 0)


def test_lost_builds_are_counted_apart_unless_another_worker_still_holds_them() -> None:
    builds = [progress(1, build="b1"), accept(build="b2", worker="w9"), accept(build="b3")]
    holds = (RunningBuild("acme", "b2", 1),)
    workers = [
        (Presence("w1", "offline", slots=2), False),
        (Presence("w2", "online", builds=holds, slots=1), True),
    ]
    lost = {("acme", "b1"), ("acme", "b2"), ("acme", "b3")}
    now = overview(map(recorded, builds), workers, NOW, lost)

    assert (now.running, now.lost) == (1, 2)
    assert [(each.worker, each.online, each.running) for each in now.workers] == [
        ("w1", False, 2),
        ("w2", True, 1),
        ("w9", False, 1),
    ]
