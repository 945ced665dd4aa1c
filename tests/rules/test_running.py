"""docs/running.md names every setting and every log event, and nothing that is not there."""

import ast
import re

import click
import pytest

from buildfeed.cli.commands import main
from support.packages import PACKAGES, ROOT

RUNNING = (ROOT / "docs/running.md").read_text()
SUBJECTS = (
    "activity|amqp|audit|build|embedded|gateway|history|http|mqtt|process|rabbitmq|recorder|socket"
)
EVENT = re.compile(
    rf"({SUBJECTS}|oidc|start|stop|subscriber|token|watcher|worker)\.(?!db|conf|data_dir|html)[a-z][a-z_]+"
)

SERVICES = ("up", "gateway", "fakebuild", "recorder")


def commands() -> dict[str, click.Command]:
    with click.Context(main) as context:
        found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command}


def settings() -> set[tuple[str, str]]:
    """Every option of a service, and of other commands those that have a variable."""
    return {
        (str(option.envvar), option.opts[0])
        for name, command in commands().items()
        for option in command.params
        if isinstance(option, click.Option) and (option.envvar or name in SERVICES)
    }


def events() -> set[str]:
    """Return every string in the code that looks like the name of an event."""
    return {
        node.value
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if EVENT.fullmatch(node.value)
    }


def test_every_option_has_its_variable_and_is_documented() -> None:
    documented = set(re.findall(r"^\| `(BUILDFEED_\w+)` \| `(--[\w-]+)`", RUNNING, re.MULTILINE))
    assert documented == settings()


@pytest.mark.parametrize("name", SERVICES)
def test_every_option_says_what_it_does(name: str) -> None:
    options = [option for option in commands()[name].params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_every_log_event_is_documented() -> None:
    table = RUNNING.partition("## Logs")[2]
    documented = set(re.findall(r"`([a-z]+\.[a-z_]+)`", table))
    assert documented == events()
