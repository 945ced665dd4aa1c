"""`buildfeed audit`: who did what from where."""

import re
from datetime import UTC, timedelta
from typing import Any, Final

import click
import msgspec

from buildfeed.activity import timestamp
from buildfeed.cli.history import opened
from buildfeed.history.audit import Recorded
from buildfeed.history.options import MAX_DAYS, database_url

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE: Final = re.compile(r"([0-9]{1,8})([smhdw])", re.ASCII)


class _Age(click.ParamType):  # type: ignore[type-arg] # generic in its stubs only
    """A time span, as `90m` or `7d`."""

    name = "age"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:  # noqa: ANN401 - click's
        if isinstance(value, timedelta):
            return value
        found = _AGE.fullmatch(value)
        age = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
        if age is None or age > timedelta(days=MAX_DAYS):
            self.fail(f"{value!r} is no time span: write it as 90m, 12h, 7d or 2w.", param, ctx)
        return age


@click.command("audit")
@database_url
@click.option("--since", type=_Age(), default="1d", show_default=True, help="How far back.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def main(database_url: str, since: timedelta, *, as_json: bool) -> None:
    """Show who did what from where, and what came of it, oldest first.

    That is commands, sign-ins, refusals, shares and tokens. The time is UTC.
    """
    with opened(database_url) as store:
        for deed in store.audit().since(since):
            click.echo(_object(deed) if as_json else _line(deed))


def _object(deed: Recorded) -> bytes:
    fields = msgspec.structs.asdict(deed) | {"time": timestamp(deed.time)}
    return msgspec.json.encode({"time": fields.pop("time"), **fields})


def _line(deed: Recorded) -> str:
    time = f"{deed.time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    facts = f"{deed.principal:<16}  {deed.action:<12}  {deed.subject:<40}  {deed.address:<15}"
    return f"{time}  {facts}  {deed.outcome}"
