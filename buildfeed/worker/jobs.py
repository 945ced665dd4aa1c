"""The jobs of a worker: the builds that run on it, each in a task of its own.

A job leaves this table in one of three ways. It ends, and its ending is remembered, as its start
may come again while the acknowledgement is on its way. It is dropped in silence, because another
worker tells how the build goes on. Or its runner raises: that ends the attempt, not the build, so
the start is handed back for the next attempt.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from buildfeed.activity import Activity, Key
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.recent import Recent
from buildfeed.topics import build_status
from buildfeed.worker.job import Job, JobContext
from buildfeed.worker.queues.queue import Delivery

log = logging.getLogger(__name__)


class Jobs(Mapping[Key, Job]):
    """The running jobs by the keys of their builds. Belongs to the event loop.

    While a job runs, `link` hears the statuses of its build. `changed` is called when a job has
    begun or left, `freed` besides when one has left.
    """

    def __init__(
        self,
        context: JobContext,
        link: MqttLink,
        *,
        changed: Callable[[], None],
        freed: Callable[[], None],
    ) -> None:
        self._context = context
        self._link = link
        self._changed = changed
        self._freed = freed
        self._jobs: dict[Key, Job] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self.endings: Recent[Activity] = Recent()
        """How builds ended here, by their keys: the newest 10 000."""

    def __getitem__(self, key: Key) -> Job:
        return self._jobs[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def begin(self, delivery: Delivery) -> Job:
        """Begin the build of a start; return its job."""
        job = Job(delivery, self._context)
        self._jobs[job.key] = job
        self._tasks[job.key] = asyncio.create_task(self._work(job))
        self._link.subscribe(build_status(*job.key), 1)
        self._changed()
        return job

    def drop(self, job: Job) -> None:
        """Cancel a job in silence; its delivery has to be settled by the caller."""
        log.info("build.dropped", extra=_fields(job))
        self._tasks[job.key].cancel()
        self._forget(job)

    async def settle(self, seconds: float) -> None:
        """Wait for the jobs whose endings are published, until their starts are settled."""
        await wait((self._tasks[key] for key, job in self._jobs.items() if job.ended), seconds)

    def cancel(self) -> list[asyncio.Task[None]]:
        """Cancel every job, as the worker stops; return their tasks."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    async def _work(self, job: Job) -> None:
        try:
            ending = await job.work()
        except Exception:
            log.exception("build.crashed", extra=_fields(job))
            self._forget(job)  # before its start can come back
            await job.delivery.reject(requeue=not job.hopeless)
        else:
            if ending:
                self.endings.put(job.key, ending)
                log.info("build.ended", extra=_fields(job) | {"status": ending.object.status})
            else:
                log.info("build.dropped", extra=_fields(job))
            self._forget(job)

    def _forget(self, job: Job) -> None:
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key], self._tasks[job.key]
            self._link.unsubscribe(build_status(*job.key))
            self._changed()
            self._freed()


async def wait(tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
    """Wait for `tasks`, of which there may be none."""
    if waiting := list(tasks):
        await asyncio.wait(waiting, timeout=seconds)


def _fields(job: Job) -> dict[str, object]:
    project, build = job.key
    return {"project": project, "build": build, "attempt": job.attempt}
