"""`buildfeed fakebuild`: a worker whose runner pretends to build."""

from typing import Any

import click

from buildfeed.errors import BuildfeedError
from buildfeed.log import configure
from buildfeed.worker import options, service
from fakebuild.runner import FakeRunner


@click.command("fakebuild")
@options.worker
def main(log_level: str, **given: Any) -> None:  # noqa: ANN401 - click names and types them
    """Take starts from the queue, pretend to build, publish the progress."""
    configure(log_level)
    try:
        service.serve(options.settings(**given), FakeRunner())
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc


if __name__ == "__main__":
    main()
