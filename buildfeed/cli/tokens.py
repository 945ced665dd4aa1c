"""`buildfeed token`: makes, lists and revokes tokens."""

import getpass
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import click
import msgspec

from buildfeed import names
from buildfeed.activity import timestamp
from buildfeed.cli import table
from buildfeed.cli.history import opened
from buildfeed.command import ANONYMOUS
from buildfeed.errors import HistoryUnavailable, InvalidGrant, InvalidName
from buildfeed.grants import Grants
from buildfeed.history.audit import Deed
from buildfeed.history.options import MAX_DAYS, database_url, missing_file, place
from buildfeed.history.store import Store
from buildfeed.history.tokens import (
    NameInUse,
    NoGoodToken,
    RenewedAlready,
    Token,
    digest,
    new_secret,
)
from buildfeed.secret_kinds import BEARER
from gateway import options
from gateway.access.token_entries import Entry

Command = TypeVar("Command", bound=Callable[..., Any])

_MOST_OVERLAP: Final = 24 * 90
_HEADINGS: Final = ("NAME", "GRANTS", "CREATED", "EXPIRES", "USED", "REVOKED")


def _new(command: Command) -> Command:
    """Add the arguments and options of a new token."""
    grants = click.argument("grants", nargs=-1, required=True, callback=_grants, metavar="GRANT...")
    return click.argument("name", callback=_name)(grants(_secret(command)))


def _secret(command: Command) -> Command:
    """Add the options of a new secret and its link."""
    command = click.option(
        "--days",
        type=click.IntRange(0, MAX_DAYS),
        default=90,
        show_default=True,
        help="Days after which it expires; 0: never.",
    )(command)
    command = options.root_path(options.origins(command))
    return click.option(
        "--port",
        envvar="BUILDFEED_PORT",
        default=8000,
        show_default=True,
        type=click.IntRange(1, 65535),
        help="Port of the page on this machine, for the login link if --origin names no other.",
    )(command)


def _name(_context: click.Context, _argument: click.Parameter, value: str) -> str:
    if value == ANONYMOUS:
        raise click.BadParameter(f"{ANONYMOUS} is everybody without a token: choose another name.")
    try:
        return names.token(value)
    except InvalidName as exc:
        raise click.BadParameter(str(exc)) from exc


def _grants(_context: click.Context, _argument: click.Parameter, value: tuple[str, ...]) -> Grants:
    try:
        return Grants.parse(value)
    except InvalidGrant as exc:
        raise click.BadParameter(str(exc)) from exc


@click.group("token")
def main() -> None:
    """Make, renew, list and revoke the tokens by which people and programs sign in."""


@main.command()
@database_url
@_new
def add(
    database_url: str,
    name: str,
    grants: Grants,
    days: int,
    **link: Any,  # noqa: ANN401 - click names and types them
) -> None:
    """Make the token NAME; print it and a link to log in with it, this once.

    A GRANT is read:FILTER, start:PROJECT, stop:PROJECT, publish:PROJECT, operate or as:*, or for
    short viewer@PROJECT, builder@PROJECT, runner@PROJECT or operator.
    """
    is_new = missing_file(database_url) is not None
    with opened(database_url, makes=True) as store:
        try:
            token, secret = store.tokens().add(name, grants, timedelta(days=days))
        except NameInUse as exc:
            raise click.ClickException(str(exc)) from exc
        _note(store, "token-add", f"{name} {_listed(token.grants)}")
    where = f"kept in {place(database_url)}{', which is new' if is_new else ''}"
    _tell(token.name, token.grants, token.expires, where)
    click.echo(secret)
    click.echo(_link(secret, **link))


@main.command()
@database_url
@click.argument("name")
@_secret
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, _MOST_OVERLAP),
    default=24,
    show_default=True,
    help="Hours for which the old token is good too; 0: it ends at once.",
)
def renew(
    database_url: str,
    name: str,
    days: int,
    overlap_hours: int,
    **link: Any,  # noqa: ANN401 - click names and types them
) -> None:
    """Make a new token for NAME with the same grants, and let the old one end after a while.

    Both are good until then, so that nothing that has the old one is cut off before it has the new
    one. Browsers that have signed in by the old one sign in again.
    """
    overlap = timedelta(hours=overlap_hours)
    with opened(database_url) as store:
        try:
            token, secret, ends = store.tokens().renew(name, timedelta(days=days), overlap)
        except (NoGoodToken, RenewedAlready) as exc:
            raise click.ClickException(str(exc)) from exc
        _note(store, "token-renew", f"{name} {_listed(token.grants)}")
    old = f"the old one is good until {_date(ends)}" if overlap else "the old one has ended"
    _tell(token.name, token.grants, token.expires, old)
    click.echo(secret)
    click.echo(_link(secret, **link))


@main.command()
@_new
def entry(
    name: str,
    grants: Grants,
    days: int,
    **link: Any,  # noqa: ANN401 - click names and types them
) -> None:
    """Print the entry of a new token for the file of --tokens; the token itself to standard error.

    As in: buildfeed token entry ada builder@acme >> tokens.toml.
    """
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) if days else None
    secret = new_secret(BEARER)
    _tell(name, grants, expires, "good once its entry is in the file")
    click.echo(secret, err=True)
    click.echo(_link(secret, **link), err=True)
    click.echo(f"{Entry(name, digest(secret), grants, expires)}\n")


@main.command("list")
@database_url
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def list_(database_url: str, *, as_json: bool) -> None:
    """Show every token that the history knows, also those that are good no more."""
    with opened(database_url) as store:
        found = store.tokens().all()
    if as_json:
        click.echo(msgspec.json.encode([_object(token) for token in found]))
    elif found:
        table.show([_HEADINGS, *map(_row, found)])
    else:
        click.echo("There are no tokens.")


@main.command()
@database_url
@click.argument("name")
def revoke(database_url: str, name: str) -> None:
    """Revoke the token NAME: gateways refuse it, and close what it has open, within 5 s.

    If it was renewed, the old and the new one.
    """
    with opened(database_url) as store:
        if not store.tokens().revoke(name):
            raise click.ClickException(str(NoGoodToken(name)))
        _note(store, "token-revoke", name)
    click.echo(f"The token {name} is revoked; what it has open is closed within 5 s.")


def _tell(name: str, grants: Grants, expires: datetime | None, where: str) -> None:
    until = f"until {_date(expires)}" if expires else "for ever"
    click.echo(f"The token {name}: {_listed(grants)}, {until}, {where}.", err=True)
    click.echo("It and a link to log in with it are shown this once:", err=True)


def _link(secret: str, origins: tuple[str, ...], root_path: str, port: int) -> str:
    origin = origins[0] if origins else f"http://127.0.0.1:{port}"
    return f"{origin}{root_path}/login#{secret}"


def _note(store: Store, action: str, subject: str) -> None:
    """Note what was done in the audit; what is done stays done if that fails."""
    deed = Deed(
        principal=f"cli:{_user()}", action=action, subject=subject, address=socket.gethostname()
    )
    try:
        store.audit().append([(deed, timedelta())])
    except HistoryUnavailable as exc:
        click.echo(f"Warning: The audit does not know of it: {exc}", err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody has this number, as in a container
        return str(os.getuid())


def _object(token: Token) -> dict[str, object]:
    times = {
        field: (moment := getattr(token, field)) and timestamp(moment)
        for field in ("created", "expires", "used", "revoked")
    }
    return {"name": token.name, "grants": [str(grant) for grant in token.grants], **times}


def _row(token: Token) -> tuple[str, ...]:
    expires = _date(token.expires) if token.expires else "never"
    rest = (_date(moment) if moment else "-" for moment in (token.used, token.revoked))
    return token.name, _listed(token.grants) or "-", _date(token.created), expires, *rest


def _listed(grants: Grants) -> str:
    return " ".join(map(str, grants))


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
