"""The runner of real builds: it runs the jobs of a file, each below a guardian of its own.

A job has a clean environment and nothing of this process: no input, no open file, no secret of
ours. It ends with its attempt: what stops the build, or this worker, ends all of its processes.
"""

import asyncio
import os
import shlex
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import UNSET

from buildfeed.activity import Build
from buildfeed.presence import OfferedJob
from buildfeed.projects.refusal import NoFakeBuilds, NoSuchJob
from buildfeed.projects.steps import Steps
from buildfeed.runner import environment
from buildfeed.runner.command import Command
from buildfeed.runner.command_reader import TURN_SECONDS, CommandReader
from buildfeed.runner.guarded import CannotRun
from buildfeed.runner.jobs import Job, ParameterRefused
from buildfeed.runner.make_list import make_list
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Output
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_file import ProgressFile
from buildfeed.runner.short_text import short_text
from buildfeed.worker.runner import Error, Outcome, Plan, Site, Step

DEFAULT: Final = "default"
"""The job of a start that names none."""
_KILLED_SECONDS: Final = 6.0
"""Seconds from SIGKILL on in which the guardian of a command says that it has ended."""

_LAST_SECONDS: Final = 3.0
"""How long the last output of a job waits for a broker that is away, or behind."""


class ProjectRunner:
    """Runs `jobs`. One that is to end gets SIGTERM, and `kill_after` seconds later SIGKILL."""

    def __init__(self, jobs: Sequence[Job], kill_after: float) -> None:
        self._jobs = {(job.project, job.name): job for job in jobs}
        self._kill_after = kill_after
        self.stop_seconds = kill_after + _KILLED_SECONDS + _LAST_SECONDS
        self.jobs = tuple(OfferedJob(job.project, job.name, tuple(job.parameters)) for job in jobs)

    def plan(self, start: Build) -> Plan:
        """Return the job and its command line; nothing for a start that is refused."""
        try:
            job = self._job(start)
        except (NoFakeBuilds, NoSuchJob):
            return Plan()
        title = Masking(job.variables).text(shlex.join(job.command))
        return Plan(
            job=job.name,
            title=short_text(title),
            indeterminate=True,
            max_seconds=job.max_seconds,
        )

    async def run(
        self, start: Build, attempt: int, site: Site
    ) -> AsyncGenerator[Step | Outcome, None]:
        """Yield what the job tells of itself, then how it ended; it fails if it cannot be run."""
        try:
            job = self._job(start)
            variables = job.environment(start.parameters or {})
            with ProgressFile() as progress_file:
                told = environment.of_build(*start.key, attempt, progress_file.path)
                its_own = environment.clean(environment.own()) | variables | told
                reader = await _reader(job, its_own)
                reading = CommandReader(reader, progress_file)
                steps = Steps(reader, site)
                command = Command(
                    job.command,
                    directory=Path(job.directory),
                    environment=its_own,
                    output=reading.put,
                    shown=False,
                )
                async with self._running(command):
                    async for _ in self._turns(command, site):
                        await asyncio.to_thread(reading.turn)
                        for step in steps.due(time.monotonic()):
                            yield step
                    code = command.wait()
                    await asyncio.to_thread(partial(reading.end, succeeded=code == 0))
                    patience = time.monotonic() + _LAST_SECONDS
                    while steps.output_waits and time.monotonic() < patience:
                        for step in steps.rest():
                            yield step
                        await asyncio.sleep(TURN_SECONDS)
                    for step in steps.last():
                        yield step
                    yield Outcome("failed" if code else "succeeded", code)
        except (NoFakeBuilds, NoSuchJob, ParameterRefused, CannotRun) as exc:
            yield Step(errors=(Error(str(exc)),))
            yield Outcome("failed")

    def _job(self, start: Build) -> Job:
        """Return the job that is asked for; raise NoFakeBuilds or NoSuchJob."""
        if start.script is not UNSET:
            raise NoFakeBuilds
        name = start.job or DEFAULT
        if job := self._jobs.get((start.project, name)):
            return job
        others = [job.name for job in self._jobs.values() if job.project == start.project]
        raise NoSuchJob(start.project, name, others)

    @asynccontextmanager
    async def _running(self, command: Command) -> AsyncIterator[None]:
        """Start the command; at the end of the context nothing of it is left. Raises CannotRun."""
        starting = asyncio.create_task(asyncio.to_thread(command.start))
        try:
            await asyncio.shield(starting)  # a start that nobody waits for would be left alone
            yield
        finally:
            with suppress(CannotRun):
                await starting
                command.stop(signal.SIGTERM, self._kill_after)
                await asyncio.wait([asyncio.wrap_future(command.ended)])

    async def _turns(self, command: Command, site: Site) -> AsyncIterator[None]:
        """Yield several times a second until the command has ended; stop it if it is to end."""
        ended = asyncio.wrap_future(command.ended)
        stopping = False
        while not ended.done():
            if site.ending and not stopping:
                stopping = True
                command.stop(signal.SIGTERM, self._kill_after)
            await asyncio.wait([ended], timeout=TURN_SECONDS)
            yield


async def _reader(job: Job, its_own: Mapping[str, str]) -> OutputReader:
    directory = Path(job.directory)
    return OutputReader(
        job.command,
        directory=job.directory,
        # What is secret here is in no environment of a job, but may be in a file that it prints.
        masking=Masking({**os.environ, **its_own}),
        begun=time.monotonic(),
        recipe_lines=await asyncio.to_thread(make_list, job.command, directory, its_own),
        output=Output(),
    )
