"""`buildfeed doctor`: examines a live installation, and says in one line each what it found."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from buildfeed.broker.options import check_url, valid_url
from buildfeed.cli import bearer, web_url
from buildfeed.doctor import examination, running_up
from buildfeed.doctor.finding import Finding
from buildfeed.doctor.places import Places
from buildfeed.history import options as history
from buildfeed.log import configure

_COLOURS = {"ok": "green", "warning": "yellow", "fault": "red", "left out": None}


def _mqtt_urls(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(valid_url("mqtt", value) for value in values)


def _database_url(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> str | None:
    return None if value is None else history.valid_url(value)


@click.command("doctor")
@click.option(
    "--mqtt-url",
    "mqtt_urls",
    envvar="BUILDFEED_MQTT_URL",
    multiple=True,
    callback=_mqtt_urls,
    help="The broker's MQTT address with a user; once for each user to try.",
)
@click.option(
    "--amqp-url",
    envvar="BUILDFEED_AMQP_URL",
    callback=check_url,
    help="The broker's AMQP address; what each user may publish is tried there.",
)
@click.option(
    "--management-url",
    envvar="BUILDFEED_MANAGEMENT_URL",
    callback=web_url.check,
    help="RabbitMQ's management: http://user:password@host:15672, of an administrator.",
)
@click.option(
    "--database-url",
    envvar="BUILDFEED_DATABASE_URL",
    callback=_database_url,
    help="History database, as SQLAlchemy writes it.",
)
@click.option(
    "--url",
    envvar="BUILDFEED_URL",
    callback=web_url.check,
    help="The address that browsers use: of the gateway, or of the proxy in front of it.",
)
@click.option(
    "--token",
    envvar="BUILDFEED_TOKEN",
    default="",
    callback=bearer.check,
    help="A token that may watch; best as the variable, as others see command lines.",
)
@click.option(
    "--oidc-issuer",
    envvar="BUILDFEED_OIDC_ISSUER",
    callback=web_url.check,
    help="The OpenID provider by which people come, as it calls itself.",
)
@click.option(
    "--data-dir",
    envvar="BUILDFEED_DATA_DIR",
    default=".buildfeed",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Without any URL, the `up` that runs in this folder is examined.",
)
def main(data_dir: Path, **given: Any) -> None:  # noqa: ANN401 - click names and types them
    """Examine a live broker, gateway, database and proxy; ends with 1 when there is a fault."""
    configure("error")  # a failure is a finding
    places = Places(**given)
    if not places.any:
        found = running_up.places(data_dir)
        if found is None:
            raise click.UsageError(
                f"No `buildfeed up` runs in {str(data_dir)!r}: say what to examine, as in "
                "--url http://127.0.0.1:8000."
            )
        places = found
    counts: Counter[str] = Counter()
    for finding in examination.findings(places):
        counts[finding.level] += 1
        click.echo(_line(finding))
    shown = [f"{counts['ok']} ok", _number(counts["warning"], "warning")]
    shown += [_number(counts["fault"], "fault"), f"{counts['left out']} left out"]
    click.echo(f"{', '.join(shown)}.")
    click.get_current_context().exit(1 if counts["fault"] else 0)


def _line(finding: Finding) -> str:
    text = "".join(each if each.isprintable() else "?" for each in str(finding))
    level = f"{finding.level:<9}"
    return click.style(level, fg=_COLOURS[finding.level]) + text.removeprefix(level)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
