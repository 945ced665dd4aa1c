"""A worker that is frozen hears a stop that was confirmed meanwhile before it tells an ending.

The figures: `python -m pytest tests/fault/test_freezes.py -s --builds=20`.
"""

import random
import signal
import sys
import time
from collections import Counter

import pytest

from buildfeed.activity import Key
from support.fleet import SLOTS, Fleet
from support.service import until


def freeze(fleet: Fleet, seconds: float, count: int, draw: random.Random) -> list[tuple[Key, str]]:
    """Freeze workers until `count` builds were stopped meanwhile; return how those ended."""
    endings: list[tuple[Key, str]] = []
    while len(endings) < count:
        builds = []
        for _ in range(SLOTS):
            # Most would end while their worker is frozen, some a moment later.
            script = {"seconds": draw.uniform(1, seconds + 2), "steps": 50, "errors": []}
            builds.append(
                ("freeze", str(fleet.gateway.press_start("freeze", script=script)["build"]))
            )
        for key in builds:
            until(lambda key=key: fleet.ear.accepts(key), "the build runs")
        name = str(fleet.ear.accepts(builds[-1])[0].activity.actor.name)
        worker = fleet.worker(name)
        began = time.monotonic()
        worker.send(signal.SIGSTOP)
        lost = {loss.key for loss in fleet.ear.lost_with(name)}
        struck = [key for key in builds if key in lost]
        for key, after in zip(
            struck, sorted(draw.uniform(0.1, 0.9) * seconds for _ in struck), strict=True
        ):
            time.sleep(max(0.0, began + after - time.monotonic()))
            fleet.gateway.press_stop(*key)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        worker.send(signal.SIGCONT)
        fleet.until_quiet(30)
        for key in struck:
            endings.append((key, str(fleet.gateway.build(*key)["status"])))
            said = {heard.activity.object.status for heard in fleet.ear.endings(key)}
            assert said <= {"stopped"}, f"{key} was told to be {said}"
    return endings


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", [2, 8, 14])
def test_a_stop_that_was_confirmed_while_its_worker_was_frozen_wins(
    fleet: Fleet, seconds: float, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = pytestconfig.getoption("seed")
    count = pytestconfig.getoption("builds")
    endings = freeze(fleet, seconds, count, random.Random(seed))
    how = Counter(status for _, status in endings)
    with capsys.disabled():
        sys.stdout.write(f"\nfrozen for {seconds} s, seed {seed}: {dict(how)}\n")
    assert how == {"stopped": len(endings)}
