"""What becomes of a running build when its worker or its broker fails."""

import signal
import sys

import pytest

from buildfeed.activity import Key
from support.ear import summary
from support.fleet import SLOTS, WORKERS, Fleet
from support.load import Load
from support.service import until

LONG = {"seconds": 60, "steps": 600, "errors": []}
MINUTE_HALF = {"seconds": 30, "steps": 300, "errors": []}

HEARTBEAT = 5
"""Seconds, the default of workers; RabbitMQ gives a silent client three."""


@pytest.fixture(autouse=True)
def _free_slots(fleet: Fleet) -> None:
    """What an earlier test left would hold slots."""
    fleet.until_staffed()
    fleet.until_quiet(30)


def running(fleet: Fleet, script: dict[str, object]) -> tuple[Key, str]:
    """Start a build; return its key and the worker it runs on."""
    build = fleet.gateway.press_start("takeover", script=script)
    key = "takeover", str(build["build"])
    accept = until(lambda: fleet.ear.accepts(key), "the build runs")[0]
    return key, accept.activity.actor.name


def test_a_killed_worker_is_taken_over_within_a_second(fleet: Fleet) -> None:
    key, name = running(fleet, LONG)
    (loss,) = fleet.ear.lost_with(name)
    fleet.kill_worker(fleet.worker(name))
    taken = until(lambda: fleet.ear.takeover(loss), "the next attempt")
    assert taken.at - loss.at < 1
    assert (taken.attempt, taken.activity.object.progress) == (2, 0)
    assert taken.activity.actor.name != name
    fleet.gateway.press_stop(*key)
    fleet.gateway.until_status(*key, "stopped")


def test_a_frozen_worker_is_taken_over_and_thawed_changes_nothing(fleet: Fleet) -> None:
    key, name = running(fleet, LONG)
    frozen = fleet.worker(name)
    (loss,) = fleet.ear.lost_with(name)
    frozen.send(signal.SIGSTOP)
    taken = until(lambda: fleet.ear.takeover(loss), "the next attempt", 4 * HEARTBEAT)
    assert taken.at - loss.at < 3 * HEARTBEAT + 1  # the broker looks once a second or so
    new = taken.activity.actor.name
    assert new != name
    frozen.send(signal.SIGCONT)
    frozen.until_logged("build.dropped", seconds=15)
    state = fleet.gateway.build(*key)
    assert (state["status"], state["attempt"], state["worker"]) == ("running", 2, new)
    fleet.gateway.press_stop(*key)
    fleet.gateway.until_status(*key, "stopped")
    fleet.until_quiet(10)
    assert [heard.activity.actor.name for heard in fleet.ear.endings(key)] == [new]


@pytest.mark.parametrize("crash", [True, False], ids=["crash", "restart"])
def test_builds_that_run_while_the_broker_restarts_go_on_where_they_are(
    fleet: Fleet,
    crash: bool,  # noqa: FBT001 - pytest's
) -> None:
    builds = [running(fleet, MINUTE_HALF) for _ in range(WORKERS * SLOTS)]
    fleet.restart_broker(crash=crash)
    fleet.gateway.until_ready()
    for key, name in builds:
        until(lambda key=key: fleet.ear.endings(key), "the ending", 60)
        fleet.gateway.until_status(*key, "succeeded")
        assert {heard.activity.actor.name for heard in fleet.ear.of(key)} == {name}
        assert len(fleet.ear.endings(key)) == 1
        assert progresses(fleet, key) == sorted(progresses(fleet, key))
    fleet.until_quiet(10)


def progresses(fleet: Fleet, key: Key) -> list[int]:
    """What was said of the progress at each beginning and ending, in the order it was said."""
    return [heard.activity.object.progress for heard in fleet.ear.of(key)]


@pytest.mark.timeout(600)
def test_a_rolling_upgrade_under_load_loses_and_doubles_nothing(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    # Longer than a worker that stops lets its builds go on: it hands them back.
    scripts = [{"seconds": seconds, "steps": seconds, "errors": []} for seconds in (20, 30, 40, 60)]
    long = [running(fleet, script)[0] for script in scripts]
    with Load(fleet.gateway, seed=0, count=200, rate=5, wait=60) as load:
        for worker in list(fleet.workers):
            fleet.replace_worker(worker)
        load.until_all_started(60)
    for key in long:
        until(lambda key=key: fleet.ear.endings(key), "the ending", 120)
    fleet.until_quiet(10)
    assert not load.refused
    assert len(load.waits) == len(load.started) == 200
    states = {state.key: state.newest.object for state in fleet.states()}
    for key in [*load.started, *long]:
        assert len(fleet.ear.endings(key)) == 1
        assert states[key].status == fleet.gateway.build(*key)["status"] == "succeeded"
    assert all(len(fleet.ear.accepts(key)) == 1 for key in load.started)
    attempts = [states[key].attempt for key in long]
    assert max(attempts) > 1
    with capsys.disabled():
        waits = f"Prefer: wait answered after ms {summary(load.waits)}"
        sys.stdout.write(f"\n{waits}; attempts of the long builds {attempts}\n")
