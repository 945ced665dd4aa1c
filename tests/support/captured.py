"""Output of real tools, as it was captured, for the tests of the sources of progress."""

from pathlib import Path

from buildfeed.runner.lines import Line, Lines, TerminalProgress
from buildfeed.runner.progress.reading import Reading, Source

FOLDER = Path(__file__).parents[1] / "unit" / "buildfeed" / "runner" / "progress" / "captured"


def captured(name: str) -> list[Line | TerminalProgress]:
    """Return the lines of a file as a runner sees them."""
    lines = Lines()
    return [*lines.feed((FOLDER / name).read_bytes()), *lines.end()]


def readings(source: Source, found: list[Line | TerminalProgress]) -> list[Reading]:
    """Return what a source says of these lines."""
    said = [source.read(each) for each in found if isinstance(each, Line)]
    return [each for each in said if each is not None]


def printed(*texts: str, redrawn: bool = False) -> list[Line | TerminalProgress]:
    """Return lines with these texts."""
    return [Line(text, redrawn=redrawn) for text in texts]
