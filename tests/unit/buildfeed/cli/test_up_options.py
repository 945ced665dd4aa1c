"""Options of `up` that exclude each other, and an environment that its processes refuse."""

import pytest
from click.testing import CliRunner

from buildfeed.cli.broker import Urls
from buildfeed.cli.up import _of_worker, _seconds_to_stop, main
from buildfeed.worker.options import worker

MQTT = "mqtt://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--port", "21000", "--mqtt-port", "21000"], "are both 21000"),
        (["--mqtt-url", MQTT, "--mqtt-port", "21000"], "that of the embedded broker"),
        (["--broker", "rabbitmq", "--mqtt-port", "21000"], "that of the embedded broker"),
        (["--broker", "rabbitmq", "--mqtt-ws-port", "21000"], "that of the embedded broker"),
        (["--mqtt-port", "21000", "--mqtt-ws-port", "21000"], "are both 21000"),
        (["--no-worker", "--projects", __file__], "leave out --no-worker"),
        (["--projects", __file__], "The jobs cannot be read: at line 1"),
        (["--projects", "/no/jobs.toml"], "does not exist"),
        (["--mqtts-port", "21000"], "say --tls-cert and --tls-key too"),
        (["--mqtt-public-url", "mqtt://ada:pa55word@h"], "no address of MQTT"),
        (["--broker", "rabbitmq", "--mqtt-url", MQTT], "leave out --broker"),
        (["--amqp-url", "amqp://h"], "give its --mqtt-url too"),
        (["--host", "192.0.2.7", "--anonymous", "all"], "Nothing can listen on 192.0.2.7"),
    ],
)
def test_options_that_exclude_each_other_are_refused(arguments: list[str], reason: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (1, 2)
    assert reason in result.output


@pytest.mark.parametrize(
    ("variable", "value", "option"),
    [
        ("BUILDFEED_MAX_CONNECTIONS", "many", "--max-connections"),
        ("BUILDFEED_FRAME_MS", "4000", "--frame-ms"),
        ("BUILDFEED_CONCURRENCY", "0", "--concurrency"),
        ("BUILDFEED_MAX_LAG", "nan", "--max-lag"),
        ("BUILDFEED_TRUSTED_PROXIES", "*", "--trusted-proxy"),
        ("BUILDFEED_NAME", "No Name", "--name"),
    ],
)
def test_a_variable_that_a_process_would_end_with_is_refused(
    variable: str, value: str, option: str
) -> None:
    result = CliRunner().invoke(main, [], env={variable: value})
    assert result.exit_code == 2
    assert option in result.output


@pytest.mark.parametrize("option", ["--max-lag", "--max-seconds", "--drain-seconds"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e30", "1h"])
def test_seconds_are_a_number(option: str, value: str) -> None:
    @worker
    def command() -> None: ...

    import click  # noqa: PLC0415

    result = CliRunner().invoke(click.command(command), [option, value])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output


def test_a_worker_gets_no_secrets_of_the_gateway() -> None:
    logins = {"BUILDFEED_BROKER_AUTH_SECRET": "x", "BUILDFEED_MANAGEMENT_URL": "http://a:b@h"}
    own = {"BUILDFEED_MQTT_URL": MQTT, "BUILDFEED_NAME": "w1"}
    urls = Urls(MQTT, None, MQTT, logins=logins)
    assert _of_worker({**own, **logins, "BUILDFEED_OIDC_CLIENT_SECRET": "x"}, urls) == own


@pytest.mark.parametrize(
    ("command", "kill_after", "least"),
    [("fakebuild", "60", 5), ("worker", None, 2 + 10 + 8), ("worker", "60", 2 + 60 + 8)],
)
def test_a_worker_of_jobs_has_the_time_to_end_them(
    monkeypatch: pytest.MonkeyPatch, command: str, kill_after: str | None, least: float
) -> None:
    monkeypatch.delenv("BUILDFEED_KILL_AFTER", raising=False)
    if kill_after:
        monkeypatch.setenv("BUILDFEED_KILL_AFTER", kill_after)
    assert least <= _seconds_to_stop(command) < least + 10
