"""The options of a gateway have the defaults of its settings."""

from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from gateway import options
from gateway.__main__ import main
from gateway.oidc.settings import Oidc
from gateway.settings import Settings


def test_the_defaults_of_the_options_are_those_of_the_settings() -> None:
    with click.Context(main) as context:
        given = {option.name: option.get_default(context) for option in main.params}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, int | float):
            assert given[field.name] == field.default, field.name


def test_every_setting_but_the_shared_directory_has_an_option() -> None:
    named = {field.name for field in msgspec.structs.fields(Settings)}
    given = {option.name for option in main.params}
    assert named - given == {"shared", "oidc"}
    of_provider = {name.removeprefix("oidc_") for name in given if str(name).startswith("oidc_")}
    fields = {field.name for field in msgspec.structs.fields(Oidc)}
    assert of_provider - {"client_secret_file"} == fields


# Logins by token at RabbitMQ.

ADDRESS = ["--broker-auth", "127.0.0.1:8001"]
SECRET = ["--broker-auth-secret", "0123456789abcdef"]
MANAGEMENT = ["--management-url", "http://closer:pa55word@rabbitmq:15672"]


def refusal(*given: str) -> str:
    """The sentence with which the options are refused, empty if they are not."""

    @click.command()
    @click.option("--port", default=8000)
    @options.broker_auth
    def command(**given: Any) -> None:
        options.check_broker_auth(given)

    return CliRunner().invoke(command, given).output.rpartition("Error: ")[2]


def test_logins_at_rabbitmq_need_all_their_options_or_none() -> None:
    assert refusal() == refusal(*ADDRESS, *SECRET, *MANAGEMENT) == ""
    assert "need --management-url too" in refusal(*ADDRESS, *SECRET)
    assert "need --broker-auth-secret too" in refusal(*ADDRESS, *MANAGEMENT)
    assert "need --broker-auth too" in refusal(*SECRET)


@pytest.mark.parametrize(
    "address", ["8001", "127.0.0.1", ":8001", "a b:1", "127.0.0.1:0", "h:99999"]
)
def test_an_address_to_ask_at_has_a_host_and_a_port(address: str) -> None:
    assert "write it as" in refusal("--broker-auth", address, *SECRET, *MANAGEMENT)
    assert refusal("--broker-auth", "[::1]:8001", *SECRET, *MANAGEMENT) == ""


def test_rabbitmq_does_not_ask_at_the_public_port() -> None:
    asked = ["--broker-auth", "127.0.0.1:8000", *SECRET, *MANAGEMENT]
    assert "are the same" in refusal(*asked)


@pytest.mark.parametrize("secret", ["short", "0123456789abcde/", "0123456789abcdef" * 9, "ä" * 20])
def test_a_secret_fits_into_a_path_and_is_not_quoted(secret: str) -> None:
    said = refusal("--broker-auth-secret", secret)
    assert said
    assert secret not in said


@pytest.mark.parametrize(
    "url",
    [
        *("rabbitmq:15672", "amqp://a:pa55word@h", "http://h:15672", "http://a:pa55word@"),
        *("http://a:pa55word@h/api", "http://a:pa55word@h?x=1", "http://a:pa55word@h:0"),
        "http://a:pa55word@h:x",
    ],
)
def test_a_management_url_has_a_login_and_is_not_quoted(url: str) -> None:
    said = refusal("--management-url", url)
    assert said
    assert "pa55word" not in said
