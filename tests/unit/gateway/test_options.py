"""The options of a gateway have the defaults of its settings."""

import click
import msgspec

from gateway.__main__ import main
from gateway.settings import Settings


def test_the_defaults_of_the_options_are_those_of_the_settings() -> None:
    with click.Context(main) as context:
        given = {option.name: option.get_default(context) for option in main.params}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, int | float):
            assert given[field.name] == field.default, field.name


def test_every_setting_but_the_shared_directory_has_an_option() -> None:
    named = {field.name for field in msgspec.structs.fields(Settings)}
    assert named - {option.name for option in main.params} == {"shared"}
