"""`buildfeed dead`: dead letters, the starts that were given up, as an operator handles them."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from buildfeed import build_ids
from buildfeed.broker.amqp import dead_letters
from buildfeed.broker.amqp.dead_letters import DeadLetter
from buildfeed.broker.amqp.link import AmqpLink, Work
from buildfeed.broker.options import amqp_url
from buildfeed.cli import table
from buildfeed.errors import BrokerUnavailable
from buildfeed.log import configure

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., None])

_BLOCKED_SECONDS = 30.0
"""Seconds for which a broker that blocks publishers, as its memory is full, may do so."""

_HEADINGS = ("PROJECT", "BUILD", "ATTEMPTS", "AGE", "REASON")


def _which(command: Command) -> Command:
    """Add the argument BUILD and the option `--all`."""
    command = click.argument("build", required=False)(command)
    return click.option("--all", "every", is_flag=True, help="All dead letters.")(command)


@click.group("dead")
def main() -> None:
    """List, retry or drop the starts that were given up (RabbitMQ only)."""
    configure("error")  # a failure is told once, by the exit message


@main.command("list")
@amqp_url
def list_(amqp_url: str | None) -> None:
    """Show every dead letter, and leave it where it is."""
    letters = _ask(amqp_url, dead_letters.read)
    if not letters:
        click.echo("There are no dead letters.")
        return
    now = datetime.now(UTC)
    table.show([_HEADINGS, *(_row(letter, now) for letter in letters)])


@main.command()
@amqp_url
@_which
def retry(amqp_url: str | None, build: str | None, *, every: bool) -> None:
    """Start BUILD, or all, again: each as a new build with the same script, priority and person."""
    wanted = _wanted(build, every=every)
    now = datetime.now(UTC)
    retried = _ask(
        amqp_url, lambda channel: dead_letters.retry(channel, wanted, build_ids.new, now)
    )
    for letter, new in retried:
        if new:
            click.echo(f"{_name(letter)} starts again as {new.build}.")
        else:
            click.echo(f"{_name(letter)} cannot start again, only be dropped: {_reason(letter)}.")
    _nothing_found(retried, build)
    if build and not any(new for _, new in retried):
        raise click.exceptions.Exit(1)


@main.command()
@amqp_url
@_which
def drop(amqp_url: str | None, build: str | None, *, every: bool) -> None:
    """Remove the dead letter of BUILD, or all, for good."""
    wanted = _wanted(build, every=every)
    dropped = _ask(amqp_url, lambda channel: dead_letters.drop(channel, wanted))
    for letter in dropped:
        click.echo(f"{_name(letter)} is dropped.")
    _nothing_found(dropped, build)


def _wanted(build: str | None, *, every: bool) -> Callable[[DeadLetter], bool]:
    if every == (build is not None):
        raise click.UsageError("Name one build, or say --all.")
    return lambda letter: every or letter.build == build


def _nothing_found(found: Sequence[object], build: str | None) -> None:
    if found:
        return
    if build:
        raise click.ClickException(f"There is no dead letter of build {build}.")
    click.echo("There are no dead letters.")


def _ask(url: str | None, work: Work[T]) -> T:
    """Connect, do `work` once and disconnect; raise ClickException with one sentence."""
    if url is None:
        raise click.UsageError("Dead letters are in RabbitMQ: give --amqp-url.")
    down: Future[str] = Future()

    def failed(reason: str) -> None:
        if not down.done():
            down.set_result(reason)

    link = AmqpLink(url, name="dead", blocked_seconds=_BLOCKED_SECONDS, on_down=failed)
    answer = link.call(work)
    link.start()
    try:
        first: list[Future[Any]] = [answer, down]
        wait(first, return_when=FIRST_COMPLETED)
        if not answer.done() and answer.cancel():
            place = urlsplit(url).netloc.rpartition("@")[2]  # without the password
            raise click.ClickException(f"RabbitMQ at {place} cannot be used: {down.result()}.")
        return answer.result()
    except BrokerUnavailable as exc:
        raise click.ClickException(str(exc)) from exc
    finally:
        link.stop()


def _row(letter: DeadLetter, now: datetime) -> tuple[str, ...]:
    attempts = "-" if letter.attempts is None else str(letter.attempts)
    age = _age((now - letter.died).total_seconds()) if letter.died else "-"
    return _plain(letter.project), _plain(letter.build), attempts, age, _reason(letter)


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def _name(letter: DeadLetter) -> str:
    return f"{_plain(letter.project)} {_plain(letter.build)}"


def _reason(letter: DeadLetter) -> str:
    return _plain(letter.reason)


def _plain(text: str) -> str:
    """Return up to 200 characters of `text` fit for a terminal: a dead letter may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200]) or "-"
