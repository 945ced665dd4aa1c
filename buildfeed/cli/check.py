"""`buildfeed check`: says of each JSON document whether it is an activity, and on which topic."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import click

from buildfeed.check import Verdict, check
from buildfeed.json_texts import Splitter, Text

_PIECE_BYTES: Final = 64 * 1024


@click.command("check")
@click.argument("file", type=click.File("rb"), default="-")
@click.pass_context
def main(context: click.Context, file: BinaryIO) -> None:
    """Check the activities and presences in FILE, or in what is piped in (-).

    One document a line, an array of them, or one printed over many lines. Ends with 1 when one of
    them is refused, or when there is none.
    """
    found = refused = 0
    for text in _texts(file):
        verdict = check(text.payload)
        found += 1
        refused += bool(verdict.reason)
        for line in _told(verdict):
            click.echo(f"line {text.line}: {line}")
    if not found:
        click.echo("There is no document.", err=True)
    context.exit(1 if refused or not found else 0)


def _texts(file: BinaryIO) -> Iterator[Text]:
    splitter = Splitter()
    read = getattr(file, "read1", file.read)  # of a pipe: what there is
    while piece := read(_PIECE_BYTES):
        yield from splitter.feed(piece)
    yield from splitter.end()


def _told(verdict: Verdict) -> Iterator[str]:
    if verdict.reason:
        yield f"refused: {verdict.reason}"
        return
    yield f"{verdict.topic}, QoS {verdict.qos}, {'' if verdict.retain else 'not '}retained"
    for warning in verdict.warnings:
        yield f"warning: {warning}"
