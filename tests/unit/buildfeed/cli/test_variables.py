"""Environment variables that look like a misspelt setting."""

import click
import pytest
from click.testing import CliRunner

from buildfeed.cli.commands import main
from buildfeed.cli.variables import PREFIX, SETTINGS, misspelt


def test_it_knows_the_variables_of_all_commands() -> None:
    assert isinstance(main, click.Group)
    context = click.Context(main)
    found = set()
    commands = [main.get_command(context, name) for name in main.list_commands(context)]
    while commands:
        command = commands.pop()
        assert command
        commands += getattr(command, "commands", {}).values()
        found |= {
            option.envvar for option in command.params if isinstance(option, click.Option)
        } - {None}
    assert {f"{PREFIX}{name}" for name in SETTINGS} == found


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BUILDFEED_ORIGIN", "BUILDFEED_ORIGINS"),
        ("BUILDFEED_TRUSTED_PROXY", "BUILDFEED_TRUSTED_PROXIES"),
        ("BUILDFEED_STARTS_PER_MIN", "BUILDFEED_STARTS_PER_MINUTE"),
        ("BUILDFEED_LOGLEVEL", "BUILDFEED_LOG_LEVEL"),
        ("BUILDFEED_Port", "BUILDFEED_PORT"),
        ("BUILDFEED_ROOTPATH", "BUILDFEED_ROOT_PATH"),
    ],
)
def test_a_misspelt_one_is_told_with_what_is_meant(name: str, meant: str) -> None:
    (told,) = misspelt([name, meant, "HOME"])
    assert told == f"{name} is no setting and is ignored; perhaps {meant} is meant."


def test_others_are_left_alone() -> None:
    others = ("UP", "RABBITMQ", "PROJECT", "BUILD", "ATTEMPT", "PROGRESS", "PASSWORD")
    assert list(misspelt([f"BUILDFEED_{name}" for name in others])) == []
    assert list(misspelt(["PORT", "ORIGIN", "buildfeed_port"])) == []


def test_a_command_tells_it_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDFEED_ORIGIN", "https://builds.example")
    result = CliRunner().invoke(main, ["check", "--help"])
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: BUILDFEED_ORIGIN is no setting")
    monkeypatch.setenv("BUILDFEED_UP", "1")  # a process of `up`, which has told it
    assert CliRunner().invoke(main, ["check", "--help"]).stderr == ""
