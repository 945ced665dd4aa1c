"""Random faults, one after the other; a frozen worker thaws while others strike."""

import random
import signal
import threading
import time
from itertools import cycle, islice

from support.ear import Heard, Loss, seconds
from support.fleet import Fleet
from support.service import Service

FAULTS = (
    *("worker killed", "broker restarted", "gateway killed", "recorder killed", "worker killed"),
    *("worker frozen", "broker killed"),
)
FROZEN_SECONDS = 17.0
"""Longer than three heartbeats."""

BROKER_SECONDS = 20.0
"""Time after which a restart of the broker is over and everybody is connected again."""


class Misfortune:
    """Strikes the fleet `count` times at random moments; notes builds that lost their worker.

    `only`: just the faults with this in their name.
    """

    def __init__(self, fleet: Fleet, seed: int, count: int, only: str = "") -> None:
        self.losses: dict[str, list[Loss]] = {"worker killed": [], "worker frozen": []}
        self.struck: list[tuple[float, str]] = []
        self._fleet = fleet
        self._random = random.Random(seed)
        self._plan = list(islice(cycle(f for f in FAULTS if only in f), count))
        self._random.shuffle(self._plan)
        self._frozen: Service | None = None
        self._thaw = threading.Timer(0, lambda: None)

    def strike_all(self) -> None:
        for fault in self._plan:
            time.sleep(self._random.uniform(0.5, 3))  # a random moment is the point
            self._strike(fault)
        self._thaw_now()

    def _strike(self, fault: str) -> None:
        fleet = self._fleet
        if fault == "worker frozen":
            self._thaw_now()
        self.struck.append((time.monotonic(), fault))
        match fault:
            case "worker killed" | "worker frozen":
                self._strike_worker(fault)
            case "broker killed" | "broker restarted":
                fleet.restart_broker(crash=fault == "broker killed")
            case "gateway killed":
                fleet.gateway.kill()
                fleet.gateway.start()
            case "recorder killed":
                fleet.recorder.kill()
                fleet.recorder.start()

    def _strike_worker(self, fault: str) -> None:
        fleet = self._fleet
        fleet.until_staffed()  # somebody has to take the builds over
        awake = [each for each in fleet.workers if each is not self._frozen]
        running = {each: fleet.ear.lost_with(str(each.options["name"])) for each in awake}
        worker = self._random.choice([each for each in awake if running[each]] or awake)
        self.losses[fault] += running[worker]
        if fault == "worker killed":
            fleet.kill_worker(worker)
            return
        worker.send(signal.SIGSTOP)
        self._frozen = worker
        self._thaw = threading.Timer(FROZEN_SECONDS, worker.send, [signal.SIGCONT])
        self._thaw.start()

    def _thaw_now(self) -> None:
        """Wait until the frozen worker, if any, has thawed."""
        if self._frozen:
            self._thaw.join()
            self._frozen = None

    def takeovers(self, fault: str, *, disturbed: bool) -> list[float]:
        """Seconds from each loss to the first status of the next attempt.

        A takeover is disturbed when the broker was away or the next worker was struck too.
        """
        found = []
        for loss in self.losses[fault]:
            taken = self._fleet.ear.takeover(loss)
            if taken and disturbed is self._disturbed(loss, taken):
                found.append(seconds(loss, taken))
        return found

    def _disturbed(self, loss: Loss, taken: Heard) -> bool:
        broker = [at for at, fault in self.struck if fault.startswith("broker")]
        away = any(loss.at - BROKER_SECONDS < at < taken.at for at in broker)
        return away or taken.attempt > loss.attempt + 1
