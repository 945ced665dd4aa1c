"""Tables on a terminal."""

from collections.abc import Sequence

import click


def show(rows: Sequence[Sequence[str]]) -> None:
    """Print rows, the headings first, with columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
