"""The `buildfeed` command; a subcommand's package is imported when it is called."""

from importlib import import_module

import click

_COMMANDS = {
    "up": ("buildfeed.cli.up", "Run everything here: broker, recorder, gateway and a worker."),
    "gateway": ("gateway.__main__", "Serve the page, the API and socket.io to browsers."),
    "fakebuild": ("fakebuild.__main__", "Run a worker that fakes builds."),
    "recorder": ("buildfeed.history.__main__", "Keep the history."),
    "check": ("buildfeed.cli.check", "Say whether JSON documents are activities."),
    "dead": ("buildfeed.cli.dead", "List, retry or drop the starts that were given up."),
}


class _Lazy(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[name][0]).main
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_Lazy)
@click.version_option(package_name="buildfeed")
def main() -> None:
    """Live build progress, pushed to every browser watching."""
