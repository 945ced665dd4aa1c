"""`buildfeed worker`: a worker that runs the jobs of a file."""

from pathlib import Path
from typing import Any

import click

from buildfeed.broker.options import Seconds
from buildfeed.errors import BuildfeedError
from buildfeed.log import configure
from buildfeed.projects.runner import ProjectRunner
from buildfeed.runner import job_file
from buildfeed.runner.command import KILL_AFTER
from buildfeed.worker import options, service


@click.command("worker")
@click.option(
    "--projects",
    envvar="BUILDFEED_PROJECTS",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The jobs that it runs, as docs/own-builds.md says.",
)
@click.option(
    "--kill-after",
    envvar="BUILDFEED_KILL_AFTER",
    type=Seconds(0, 86_400),
    default=KILL_AFTER,
    show_default=True,
    help="Seconds from SIGTERM to SIGKILL, when a job is stopped.",
)
@options.worker
def main(projects: Path, kill_after: float, log_level: str, **given: Any) -> None:  # noqa: ANN401 - click names and types them
    """Take starts from the queue, run the jobs of a file, publish how they go."""
    configure(log_level)
    try:
        runner = ProjectRunner(job_file.read(projects), kill_after)
        service.serve(options.settings(**given), runner)
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc


if __name__ == "__main__":
    main()
