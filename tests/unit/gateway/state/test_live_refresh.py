"""What the live picture finds out as time goes by: `ahead`, `lost`, the lag of the recorder."""

from datetime import timedelta

import pytest

from buildfeed import build_ids, names
from buildfeed.activity import Activity
from support.builders import accept, ending, log, progress, start, stop
from support.samples import NOW
from support.scene import Scene, bodies, recorded


@pytest.fixture
def scene() -> Scene:
    return Scene()


# --- ahead


def test_a_new_build_waits_behind_all_that_are_queued(scene: Scene) -> None:
    scene.watch("ada", "builds/#")

    events = scene.receive(start("b1"), start("b2"), accept(build="b1"), start("b3"))

    assert bodies(events, "build", "ahead") == [("b1", 0), ("b2", 1), ("b1", None), ("b3", 1)]


def test_those_who_move_up_hear_it_at_the_next_refresh(scene: Scene) -> None:
    scene.watch("ada", "builds/acme/b3/error")
    scene.watch("bob", "builds/#")
    scene.receive(start("b1"), start("b2"), start("b3"), accept(build="b2"))

    (event,) = scene.refresh()

    assert (event.body()["build"], event.body()["ahead"]) == ("b3", 1)
    assert event.watchers == {"ada", "bob"}
    assert scene.refresh() == []


def test_high_priority_goes_first(scene: Scene) -> None:
    scene.receive(start("b1"), start("b2"), start("b3", priority="high"))
    scene.refresh()

    assert [scene.body(build)["ahead"] for build in ("b3", "b1", "b2")] == [0, 1, 2]


def test_nobody_waits_for_a_delayed_build(scene: Scene) -> None:
    later = {"not_before": NOW + timedelta(seconds=9), "priority": "high"}
    scene.receive(start("b1", **later), start("b2"))
    scene.refresh()
    scene.receive(start("b3"), start("b4", **later))
    assert [scene.body(build)["ahead"] for build in ("b2", "b1", "b3", "b4")] == [0, 1, 1, 3]
    scene.refresh()
    assert [scene.body(build)["ahead"] for build in ("b2", "b3", "b1", "b4")] == [0, 1, 2, 3]


def test_a_delayed_build_waits_from_the_time_it_may_begin(scene: Scene) -> None:
    later = NOW + timedelta(seconds=1)
    scene.watch("ada", "builds/#")
    scene.receive(
        start("b1", not_before=later, priority="high"),
        start("b2", not_before=later),
        start("b3", queued_time=later - timedelta(seconds=1)),
        start("b4", queued_time=later + timedelta(seconds=1)),
    )

    scene.refresh()
    assert [scene.body(build)["ahead"] for build in ("b3", "b4", "b1", "b2")] == [0, 1, 2, 3]
    moved = scene.refresh(later)
    assert bodies(moved, "build", "ahead") == [("b1", 0), ("b3", 1), ("b2", 2), ("b4", 3)]


def test_a_build_stopped_in_the_queue_is_before_nobody(scene: Scene) -> None:
    scene.receive(start("b1"), start("b2"), stop(start("b1")))
    scene.refresh()

    assert scene.body("b1")["ahead"] is None
    assert scene.body("b2")["ahead"] == 0


# --- lost


def test_a_build_is_lost_while_its_worker_is_offline(scene: Scene) -> None:
    scene.watch("ada", "builds/acme/b1/error")
    scene.receive(progress(30), progress(30, build="b2", worker="w2"))

    assert bodies(scene.hear("offline"), "build", "lost") == [("b1", True)]
    assert scene.hear("offline") == []
    assert bodies(scene.hear("online"), "build", "lost") == [("b1", False)]


def test_builds_of_a_worker_that_removed_its_presence_are_lost_and_no_others(scene: Scene) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(accept(build="b1"), accept(build="b2", worker="w2"), accept(build="b3"))
    scene.receive(accept(build="b3", attempt=2, worker="w2"))
    scene.sent.clear()
    scene.live.left("w1")
    assert bodies(scene.sent, "build", "lost") == [("b1", True)]
    assert not scene.body("b3")["lost"]


def test_a_build_is_lost_when_its_worker_is_silent_for_30_seconds(scene: Scene) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(progress(30))

    assert scene.after(30).refresh() == []
    assert bodies(scene.after(1).refresh(), "lost") == [(True,)]
    assert scene.after(1).refresh() == []


def test_output_and_presence_are_signs_of_life(scene: Scene) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(progress(30))

    scene.after(20).receive(log("compiling\n", 40))
    assert scene.after(20).refresh() == []
    scene.hear("online")
    assert scene.after(20).refresh() == []


def test_a_worker_known_from_history_only_has_30_seconds_to_show_up(scene: Scene) -> None:
    scene.heal(recorded(progress(30)))

    scene.after(30).refresh()
    assert not scene.body()["lost"]
    scene.after(1).refresh()
    assert scene.body()["lost"]


def test_a_queued_build_is_never_lost(scene: Scene) -> None:
    scene.receive(start())
    scene.after(1000).refresh()

    assert not scene.body()["lost"]


def test_a_build_is_not_lost_any_more_when_it_speaks_again(scene: Scene) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(progress(30))
    scene.after(31).refresh()

    assert bodies(scene.receive(progress(40)), "lost") == [(False,)]
    assert scene.refresh() == []


@pytest.mark.parametrize(
    "news", [accept(attempt=2, worker="w2"), ending(worker="w1"), ending("stopped", worker="w2")]
)
def test_a_lost_build_is_found_when_it_ends_or_is_taken_over(scene: Scene, news: Activity) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(progress(30))
    scene.hear("offline")

    assert bodies(scene.receive(news), "lost") == [(False,)]
    assert scene.refresh() == []
    assert scene.hear("offline") == []


# --- recorder lag


def test_the_lag_is_the_age_of_the_oldest_change_not_seen_in_history(scene: Scene) -> None:
    assert scene.live.recorder_lag() == 0

    scene.receive(start("b1"))
    scene.after(2).receive(accept(), start("b2"))
    scene.after(1)
    assert scene.live.recorder_lag() == 3

    scene.heal(recorded(start("b1"), accept()))
    assert scene.live.recorder_lag() == 1

    scene.heal(recorded(start("b2")))
    assert scene.live.recorder_lag() == 0


def test_history_that_is_behind_does_not_end_the_wait_for_what_came_since(scene: Scene) -> None:
    scene.receive(start())
    scene.receive(accept())
    scene.heal(recorded(start()))

    assert scene.after(60).live.recorder_lag() == 60

    scene.heal(recorded(start(), accept()))
    assert scene.live.recorder_lag() == 0


def test_what_history_knew_first_is_not_waited_for(scene: Scene) -> None:
    scene.heal(recorded(start(), accept(), progress(30)))
    scene.receive(start(), accept(), progress(30), log("compiling\n", 40))

    assert scene.after(60).live.recorder_lag() == 0


def test_an_ending_in_history_is_the_last_that_is_waited_for(scene: Scene) -> None:
    scene.receive(progress(90, attempt=2))
    scene.heal(recorded(ending(attempt=1)))

    assert scene.after(60).live.recorder_lag() == 0


def test_progress_that_no_recorder_got_is_not_waited_for(scene: Scene) -> None:
    scene.receive(start(), accept())
    scene.heal(recorded(start(), accept()))
    scene.receive(progress(30))  # QoS 0: it may be lost

    assert scene.after(60).live.recorder_lag() == 0


def test_history_that_cannot_be_used_is_behind(scene: Scene) -> None:
    scene.clock.now += 5
    assert scene.live.recorder_lag() == 0

    scene.clock.now += 10
    assert scene.live.recorder_lag() == 15

    scene.live.history_used()
    assert scene.live.recorder_lag() == 0


@pytest.mark.parametrize("way", ["receive", "heal"])
def test_the_next_id_is_newer_than_every_build_that_was_heard_of(scene: Scene, way: str) -> None:
    """Whoever made it may have a clock that is ahead."""
    tomorrow = names.build_id(2_000_000_000_000, b"\xff" * 10)
    for build in (tomorrow, names.build_id(1_000_000_000_000, bytes(10)), "zzz", "f" * 32):
        if way == "receive":
            scene.receive(start(build))
        else:
            scene.heal(recorded(start(build)))

    assert build_ids.new(after=scene.live.newest_id_time) > tomorrow
    assert scene.live.newest_id_time == 2_000_000_000_000


def test_an_id_that_no_clock_can_have_made_is_not_followed(scene: Scene) -> None:
    scene.receive(start(names.build_id(2**48 - 1, bytes(10))))

    assert scene.live.newest_id_time == 0
