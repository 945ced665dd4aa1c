"""Random faults under load: every start that got a 202 ends, stays so, and stops are kept.

Too long for `make test`: `make faults` runs it, as does
`python -m pytest tests/fault/test_faults.py -s --faults=30 --builds=200 --seed=7`.
With `--only=worker` the broker stays: how long do takeovers take?
"""

import sys
from collections import Counter
from datetime import timedelta

import pytest

from buildfeed.activity import ENDINGS, Key
from buildfeed.board import BuildState
from support.ear import summary
from support.fleet import Fleet
from support.load import Load
from support.misfortune import Misfortune
from support.picture import Picture
from support.service import until

STOP_SECONDS = 3.0
"""So long after its 202 a stop may find that the build ends by itself: the stop is repeated when
the worker missed it."""


@pytest.mark.timeout(1800)
def test_random_faults_lose_and_double_nothing(
    fleet: Fleet, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = pytestconfig.getoption("faults")
    builds = pytestconfig.getoption("builds")
    seed = pytestconfig.getoption("seed")
    before = {state.key for state in fleet.states()}
    misfortune = Misfortune(fleet, seed, faults, pytestconfig.getoption("only"))
    with Picture(fleet.gateway.url) as picture:
        with Load(fleet.gateway, seed, count=builds, rate=builds / (6 * faults)) as load:
            misfortune.strike_all()
            fleet.gateway.until_ready()
            load.until_all_started(seconds=8 * builds)
        until(lambda: load.started <= recorded(fleet, before).keys(), "history is complete")
        fleet.until_quiet(120)
        states = recorded(fleet, before)
        board = until(lambda: on_the_board(fleet, states), "the board agrees with history")
        until(lambda: board.items() <= picture.statuses.items(), "the watcher sees the same")
    with capsys.disabled():
        sys.stdout.write(report(fleet, misfortune, load, states, seed) + "\n")

    assert len(load.started) >= builds
    assert set(board.values()) <= ENDINGS
    assert picture.revived == set()
    assert too_late(load, states) == []
    assert all(
        fleet.ear.endings(key) or state.newest.type == "Undo" for key, state in states.items()
    )


def recorded(fleet: Fleet, before: set[Key]) -> dict[Key, BuildState]:
    """What history has of the builds that are new."""
    return {state.key: state for state in fleet.states() if state.key not in before}


def on_the_board(fleet: Fleet, states: dict[Key, BuildState]) -> dict[Key, str] | None:
    """What the gateway shows of the builds, None while history says otherwise."""
    shown = {key: fleet.gateway.build(*key)["status"] for key in states}
    recorded = {key: state.newest.object.status for key, state in states.items()}
    return shown if shown == recorded else None


def too_late(load: Load, states: dict[Key, BuildState]) -> list[tuple[Key, str, float]]:
    """Builds that ended by themselves though they had long been asked to stop."""
    late = []
    for key, asked in load.stops.items():
        newest = states[key].newest
        after = newest.published - asked
        if newest.object.status != "stopped" and after > timedelta(seconds=STOP_SECONDS):
            late.append((key, newest.object.status, after.total_seconds()))
    return late


def endings(fleet: Fleet, key: Key) -> int:
    """How many attempts of the build were heard to end."""
    return len(fleet.ear.endings(key))


def report(
    fleet: Fleet, misfortune: Misfortune, load: Load, states: dict[Key, BuildState], seed: int
) -> str:
    newest = [state.newest.object for state in states.values()]
    stopped = Counter(states[key].newest.object.status for key in load.stops)
    lines = [
        f"\nseed {seed}, {len(misfortune.struck)} faults:",
        *(f"  {n} {fault}" for fault, n in Counter(f for _, f in misfortune.struck).items()),
        f"202 for {len(load.started)} starts; other answers {dict(load.refused)}",
        f"{len(states)} builds ended {dict(Counter(build.status for build in newest))}",
        f"202 for {len(load.stops)} stops; those builds ended {dict(stopped)}",
        f"attempts that ended {dict(Counter(build.attempt for build in newest))}",
        f"attempts heard to end, of a build {dict(Counter(endings(fleet, key) for key in states))}",
    ]
    for fault in misfortune.losses:
        alone = summary(misfortune.takeovers(fault, disturbed=False))
        others = summary(misfortune.takeovers(fault, disturbed=True))
        lines.append(f"{fault}: taken over after ms {alone}; disturbed by other faults {others}")
    return "\n".join(lines)
