"""`buildfeed can`: whether a token may do something, and by which grant."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import click
import msgspec

from buildfeed.cli.history import opened
from buildfeed.errors import InvalidGrant
from buildfeed.grants import Action, Grant, Grants
from buildfeed.history.options import database_url, missing_file
from buildfeed.history.tokens import Token
from gateway import options
from gateway.access import token_file

_NOWHERE: Final = "operate", "as"
"""Actions that are granted everywhere, or not at all."""


class NoAnswer(click.ClickException):
    """It cannot be said whether something is allowed; 1 is no."""

    exit_code = 2


class Answer(msgspec.Struct, frozen=True):
    """Whether it is allowed, as a whole, and a sentence that says by which grant."""

    yes: bool
    sentence: str


def answer(name: str, grants: Grants, asked: Grant) -> Answer:
    """Return whether somebody who has `grants` may do what is asked."""
    if by := grants.by(asked.action, asked.area):
        return Answer(True, f"Yes, by the grant {by}.")
    if asked.action == "read" and (left := grants.narrow([asked.area.filter])):
        parts = ", ".join(map(str, left))
        return Answer(False, f"In part: of {asked.area.filter} {name} may read {parts}.")
    return Answer(False, f"No: the grant {asked} is missing.")


@click.command("can")
@database_url
@options.token_file
@click.argument("name")
@click.argument("action", type=click.Choice(get_args(Action)))
@click.argument("where", required=False)
def main(database_url: str, tokens: Path | None, name: str, action: str, where: str | None) -> None:
    """Say whether the token NAME may do ACTION in WHERE, and by which grant.

    WHERE is a filter of builds to read, as 'builds/+/+/log', a project to start, stop or publish
    in, or * for all. Ends with 0 for yes, 1 for no or in part, 2 when it cannot be said.
    """
    asked = _asked(action, where)
    answers = [
        Answer(False, f"No: {over}") if over else answer(name, grants, asked)
        for grants, over in _found(database_url, tokens, name)
    ]
    if not answers:
        raise click.UsageError(f"There is no token {name[:80]!r}.")
    best = next((each for each in answers if each.yes), answers[-1])
    click.echo(best.sentence)
    raise click.exceptions.Exit(0 if best.yes else 1)


def _asked(action: str, where: str | None) -> Grant:
    """Return what would have to be granted; raises click.UsageError."""
    if action in _NOWHERE:
        if where not in (None, "*"):
            raise click.UsageError(
                f"{action} is granted everywhere or not at all: leave out WHERE."
            )
        text = "as:*" if action == "as" else action
    elif where is None:
        what = "a filter, as 'builds/+/+/log'" if action == "read" else "a project, or *"
        raise click.UsageError(f"Say where: {what}.")
    else:
        text = f"{action}:{where}"
    try:
        (grant,) = Grants.parse([text])
    except InvalidGrant as exc:
        raise click.UsageError(str(exc)) from exc
    return grant


def _found(url: str, file: Path | None, name: str) -> list[tuple[Grants, str]]:
    """Return the grants of each token of a name, and why it is good no more if it is not.

    Those that are good come last.
    """
    found: list[tuple[Grants, str]] = []
    if not (file and missing_file(url)):
        with opened(url, failure=NoAnswer) as store:
            good = store.tokens().good(name)
            known = [each for each in store.tokens().all() if each.name == name]
        found = [(each.grants, "") for each in good] or [(e.grants, _over(e)) for e in known]
    now = datetime.now(UTC)
    for each in token_file.read(file) if file else ():
        if each.name == name:
            over = each.expires is not None and each.expires <= now
            found.append(
                (each.grants, f"the token {name} in the file has expired." if over else "")
            )
    return sorted(found, key=lambda each: not each[1])


def _over(token: Token) -> str:
    return f"the token {token.name} {'was revoked' if token.revoked else 'has expired'}."
