"""How long a build probably takes: as the last ones of its job took."""

from datetime import timedelta
from typing import Any

from msgspec import UNSET

from buildfeed.activity import Build, Status
from buildfeed.times import LONGEST_SECONDS
from gateway.state.durations import AT_ONCE, LAST, MOST, Durations
from support.builders import accept, ending
from support.samples import NOW
from support.scene import Scene, bodies, recorded

UNIT = ("acme", "unit")


def took(
    seconds: float, build: str = "b1", job: str = "unit", status: Status = "succeeded"
) -> Build:
    end = NOW + timedelta(seconds=seconds)
    facts: dict[str, Any] = {"build": build, "job": job, "start_time": NOW, "end_time": end}
    return accept(**facts, status=status).object


def running(**facts: Any) -> Build:
    return accept(**{"build": "b9", "job": "unit", **facts}).object


def test_the_median_of_the_last_counts() -> None:
    durations = Durations()
    for number, seconds in enumerate([1000, 10, 30, 20, 50, 40]):
        durations.note(took(seconds, f"b{number}"))
    assert durations.seconds(running()) == 30
    durations.note(took(20, "b5"))  # again, and known better
    assert durations.seconds(running()) == 20


def test_only_builds_that_succeeded_count() -> None:
    durations = Durations()
    durations.note(took(10, status="failed"))
    durations.note(took(10, status="stopped"))
    assert durations.seconds(running()) is None


def test_what_took_over_a_year_says_nothing() -> None:
    """Anybody who may publish can make such a build up, and history goes on to have it."""
    durations = Durations()
    durations.note(took(7000 * LONGEST_SECONDS))
    assert not durations.learn(UNIT, [("b0", 8028.0 * LONGEST_SECONDS)])
    assert durations.seconds(running()) is None
    assert durations.learn(UNIT, [("b2", 1.0 * LONGEST_SECONDS)])
    assert durations.seconds(running()) == LONGEST_SECONDS


def test_each_job_of_each_project_has_its_own() -> None:
    durations = Durations()
    durations.note(took(10))
    assert durations.seconds(running(job="deploy")) is None
    assert durations.seconds(running(job=UNSET)) is None
    assert durations.seconds(running(project="other")) is None
    assert durations.seconds(running()) == 10


def test_a_job_is_looked_up_once() -> None:
    durations = Durations()
    durations.seconds(running())
    assert durations.take_wanted() == [UNIT]
    assert durations.learn(UNIT, [("b1", 5.0), ("b2", 15.0)])
    assert durations.seconds(running()) == 10
    assert durations.take_wanted() == []


def test_few_are_looked_up_at_once_and_those_first_that_came_first() -> None:
    durations = Durations()
    for number in range(AT_ONCE + 2):
        durations.seconds(running(job=f"j{number}"))
    assert durations.take_wanted() == [("acme", f"j{number}") for number in range(AT_ONCE)]
    assert len(durations.take_wanted()) == 2
    assert durations.take_wanted() == []


def test_what_is_known_is_bounded() -> None:
    durations = Durations()
    for number in range(MOST + 5):
        durations.learn(("acme", f"j{number}"), [("b1", 1.0)])
    assert durations.seconds(running(job="j0")) is None
    assert durations.seconds(running(job=f"j{MOST}")) == 1


def test_watchers_hear_of_it_when_it_becomes_known() -> None:
    scene = Scene()
    scene.watch("ada", "builds/#")
    (event,) = scene.receive(accept(job="unit"))
    assert event.body()["expectedEnd"] is None
    scene.sent.clear()
    wanted = scene.live.durations.take_wanted()
    scene.live.learn({job: [("b0", 60.0)] for job in wanted})
    assert bodies(scene.sent, "build", "expectedEnd") == [("b1", "2026-11-21T10:16:03.218Z")]


def test_builds_that_end_count_wherever_they_were_heard_of() -> None:
    scene = Scene()
    facts = {"job": "unit", "start_time": NOW - timedelta(seconds=40)}
    scene.heal(recorded(accept(build="b0", **facts), ending(build="b0", **facts)))
    scene.receive(accept(job="unit"))
    assert scene.body()["expectedEnd"] == "2026-11-21T10:15:43.218Z"
    assert LAST == 5
