"""A broker with a queue, where workers under test work."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from buildfeed.activity import Activity
from buildfeed.history.store import Store
from buildfeed.worker.queues.amqp import AmqpQueue
from buildfeed.worker.queues.embedded import EmbeddedQueue
from support.workshop import RunningWorker, Watcher, WorkerProcess, until, worker


class Site:
    """A broker, and where its workers get their starts."""

    def __init__(
        self,
        mqtt_url: str,
        make_queue: Callable[..., AmqpQueue | EmbeddedQueue],
        store: Store | None = None,
        **options: object,
    ) -> None:
        self.mqtt_url = mqtt_url
        self._make_queue = make_queue
        self.store = store
        self._options = options

    async def until_its_next_attempt_is_2(self, build: Activity) -> None:
        """Wait until the history has the first attempt, when starts come from there."""
        key = build.object.project, build.object.build
        if store := self.store:
            await until(lambda: (state := store.get(*key)) and state.newest.object.attempt == 1)

    def work(self, **options: Any) -> AbstractAsyncContextManager[RunningWorker]:
        return worker(self.mqtt_url, self._make_queue, **options)

    async def ask_again(self, build: Activity, watcher: Watcher) -> None:
        """Have `build` built by a worker that looks for what it missed, where starts may be missed.

        What else it was to find it has found, too, when `build` has ended.
        """
        if self.store:
            self.store.append([build])
        else:
            await watcher.send(build)
        await watcher.until_ended(build)

    def process(self, module: str = "fakebuild", **options: object) -> WorkerProcess:
        return WorkerProcess(module, mqtt_url=self.mqtt_url, **self._options, **options)
