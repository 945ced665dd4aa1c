"""Recorder, gateway and workers as processes on a RabbitMQ, and the faults that strike them."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from buildfeed.activity import Key
from buildfeed.board import BuildState
from buildfeed.broker.local import ports
from buildfeed.history.store import Store
from support.ear import Ear
from support.rabbitmq import ControlledRabbitMQ
from support.service import Service, Web, until
from support.virtual_host import VirtualHost

SLOTS = 4
WORKERS = 3


class Fleet:
    """A Buildfeed with three workers that can be struck; `gateway`: options of its gateway."""

    def __init__(
        self, broker: ControlledRabbitMQ | VirtualHost, directory: Path, **gateway: object
    ) -> None:
        self.broker = broker
        self.ear = Ear(broker.mqtt_url)
        self.workers: list[Service] = []
        self._directory = directory
        self._urls = {"mqtt_url": broker.mqtt_url, "amqp_url": broker.amqp_url}
        # Its own id: RabbitMQ 3.10 ends the older of two clients with one, across virtual hosts.
        self.recorder = Service(
            "recorder", directory, mqtt_url=broker.mqtt_url, recorder_id="recorder-struck"
        )
        options = {"port": ports.free_block(1, 0), **self._urls, **gateway}
        self.gateway = Web("gateway", directory, **options)
        self._history = Store(f"sqlite:///{directory}/history.db")
        self._born = 0

    @classmethod
    @contextmanager
    def on(
        cls, broker: ControlledRabbitMQ | VirtualHost, directory: Path, **gateway: object
    ) -> Iterator[Self]:
        with ExitStack() as stack:
            fleet = cls(broker, directory, **gateway)
            stack.callback(fleet._history.close)
            stack.callback(fleet.ear.link.stop)
            fleet.ear.link.start()
            stack.enter_context(fleet.recorder)
            stack.enter_context(fleet.gateway)
            stack.callback(fleet._end_workers)
            for _ in range(WORKERS):
                fleet.add_worker()
            fleet.recorder.until_logged("recorder.ready")
            fleet.gateway.until_ready()
            fleet.until_staffed()
            yield fleet

    def another_gateway(self) -> Web:
        """Return one more gateway on the same history, not started yet."""
        return Web("gateway", self._directory, port=ports.free_block(1, 0), **self._urls)

    def add_worker(self) -> Service:
        self._born += 1
        name = f"w{self._born}"
        worker = Service("fakebuild", self._directory, **self._urls, name=name, concurrency=SLOTS)
        worker.start()
        self.workers.append(worker)
        return worker

    def until_staffed(self) -> None:
        """Wait until every worker has taken starts at some time."""
        for worker in self.workers:
            worker.until_logged("amqp.up", seconds=60)

    def kill_worker(self, worker: Service) -> None:
        """Kill a worker and start another."""
        self.workers.remove(worker)
        worker.kill()
        self.add_worker()

    def replace_worker(self, worker: Service) -> None:
        """Stop a worker as for an upgrade: it ends or hands back its builds. Start another."""
        self.workers.remove(worker)
        worker.stop()
        self.add_worker().until_logged("amqp.up")

    def restart_broker(self, *, crash: bool) -> None:
        if crash:
            self.broker.kill()
        else:
            self.broker.stop()
        self.broker.start()

    def worker(self, name: str) -> Service:
        return next(each for each in self.workers if each.options["name"] == name)

    def states(self) -> list[BuildState]:
        """The state of every build in the history."""
        return self._history.newest(limit=100_000)

    def until_quiet(self, seconds: float) -> None:
        """Wait until every build in the history has ended."""
        until(lambda: all(state.ended for state in self.states()), "every build ended", seconds)

    def until_ended(self, promised: set[Key], seconds: float) -> list[Key]:
        """Wait until every build has ended but those that were lost; return these.

        A build is lost when it waits, no queue has its start, and nobody got a 202 for it. A
        gateway that is killed before the confirm may lose one: see docs/commands.md, "What can
        still go wrong".
        """
        try:
            self.until_quiet(seconds)
        except AssertionError:
            left = [state for state in self.states() if not state.ended]
            waiting = {state.key for state in left if state.newest.type == "Offer"}
            if len(waiting) < len(left) or waiting & promised:
                raise
            return sorted(waiting)
        return []

    def _end_workers(self) -> None:
        for worker in self.workers:
            worker.send(signal.SIGCONT)
            worker.kill()
