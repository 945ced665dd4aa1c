"""OSC 9;4: what a program tells its terminal of its progress. Pure.

Source: https://conemu.github.io/en/AnsiEscapeCodes.html#ConEmu_specific_OSC. The state of an error
or a pause keeps its percentage. An indeterminate state, or one that is removed, says nothing.
"""

from buildfeed.runner.lines import TerminalProgress
from buildfeed.runner.progress.reading import Reading, portion

_REMOVED, _INDETERMINATE = 0, 3


def terminal_reading(progress: TerminalProgress) -> Reading | None:
    """Return the percentage, None when the program takes back what it said before."""
    if progress.percent is None or progress.state in (_REMOVED, _INDETERMINATE):
        return None
    return portion(progress.percent)
