"""The `buildfeed` command; a subcommand's package is imported when it is called."""

import os
import signal
import sys
from importlib import import_module
from typing import Any, Final

import click

from buildfeed.cli import variables
from buildfeed.cli.variables import UP
from buildfeed.machine import output

_COMMANDS = {
    "up": ("buildfeed.cli.up", "Run everything here: broker, recorder, gateway and a worker."),
    "run": ("buildfeed.cli.run", "Run any command here, and show it as a build."),
    "tail": ("buildfeed.cli.tail", "Watch builds from a terminal."),
    "start": ("buildfeed.cli.start", "Start a build, and wait for it if you like."),
    "stop": ("buildfeed.cli.stop", "Stop a build."),
    "gateway": ("gateway.__main__", "Serve the page, the API and socket.io to browsers."),
    "worker": ("buildfeed.projects.__main__", "Run a worker that runs the jobs of a file."),
    "fakebuild": ("fakebuild.__main__", "Run a worker that fakes builds."),
    "recorder": ("buildfeed.history.__main__", "Keep the history."),
    "token": ("buildfeed.cli.tokens", "Make, list and revoke tokens, by which others sign in."),
    "can": ("buildfeed.cli.can", "Say whether a token may do something, and by which grant."),
    "audit": ("buildfeed.cli.audit", "Show who did what from where."),
    "check": ("buildfeed.cli.check", "Say whether JSON documents are activities."),
    "doctor": ("buildfeed.cli.doctor", "Examine a live broker, gateway, database and proxy."),
    "dead": ("buildfeed.cli.dead", "List, retry or drop the starts that were given up."),
}

_INTERRUPTED: Final = 128 + signal.SIGINT
_NOT_READ: Final = 128 + signal.SIGPIPE
"""The exit codes of what Ctrl-C and a closed pipe end, as a shell has them; 1 is an answer."""


class _Lazy(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[name][0]).main
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's
        """Run a command; Ctrl-C, or a reader who has seen enough of its output, ends it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)
        except BrokenPipeError:
            output.drop()
            ctx.exit(_NOT_READ)

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's
        """Run a command; what the machine refuses is told in one sentence."""
        output.prepare()
        try:
            try:
                if UP not in os.environ:  # else `up` has said it
                    for sentence in variables.misspelt(os.environ.keys()):
                        click.echo(f"Warning: {sentence}", err=True)
                return super().main(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except OSError as exc:
            output.drop()
            reason = exc.strerror or str(exc)
            where = f"{str(exc.filename)!r} cannot be used" if exc.filename else "The machine fails"
            click.echo(f"Error: {where}: {reason}.", err=True)
            sys.exit(1)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_Lazy)
@click.version_option(package_name="buildfeed")
def main() -> None:
    """Live build progress, pushed to every browser watching."""
