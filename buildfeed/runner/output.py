"""The output of an attempt as `log` activities: what is sent when, and what is left out. Pure.

Lines wait until they may be sent: MOST_A_SECOND contents a second, each as long as a `log` may be,
so 64 KiB a second. MOST_WAITING bytes may wait. When more come, or while nobody takes contents
because the broker is away, the oldest that wait are left out, and a line says how much. So of a
long output the beginning and the end are sent: of more than `max_log` bytes the middle is left out,
as the last of them are kept back until the end.

The offset of a content counts what was left out: a reader sees a gap. The line that says so has its
place at the end of the gap, so that no two contents overlap.

Lines that are drawn over are not sent: their last state is.
"""

from collections import deque
from typing import Final

import msgspec

from buildfeed import left_out
from buildfeed.activity import MAX_LOG_BYTES, shorten
from buildfeed.runner.lines import Line

MAX_LOG: Final = 16 * 1024 * 1024
"""Bytes of the output of an attempt that are sent, unless the user says otherwise."""
MOST_IN_LINE: Final = 4096
"""Bytes of a line."""
MOST_A_SECOND: Final = 4
MOST_WAITING: Final = 1024 * 1024
"""Bytes that wait, and that are sent at once at the end of a build."""
_PAUSE: Final = 1 / MOST_A_SECOND
_LEAST_LEFT_OUT: Final = 4096
"""Bytes that are left out at a time, so that the line about it has room in their place."""
_ROOM_FOR_NOTE: Final = 64


class Content(msgspec.Struct, frozen=True):
    """The `content` of a `log`, and its `offset`: bytes of the attempt's output before it."""

    text: str
    offset: int


class Output:
    """The output of one attempt. Times are seconds of a monotonic clock."""

    def __init__(self, max_log: int = MAX_LOG) -> None:
        self._most_waiting = min(MOST_WAITING, max(max_log // 2, MAX_LOG_BYTES))
        self._first_bytes = max(max_log - self._most_waiting, 0)  # sent before the end
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._left_out = 0  # bytes between what was sent and what waits
        self._offset = 0
        self._taken_bytes = 0
        self._next = 0.0

    def add(self, line: Line) -> None:
        """Add the next line, whose secrets are masked."""
        if line.redrawn:
            return
        text = _whole(line)
        self._waiting.append(text)
        self._waiting_bytes += len(text.encode())
        if self._waiting_bytes > self._most_waiting:
            self._leave_out()

    def skip(self, size: int) -> None:
        """Leave out all that waits, and `size` bytes behind it that nobody has read."""
        self._left_out += self._waiting_bytes + size
        self._waiting.clear()
        self._waiting_bytes = 0

    def miss(self, size: int) -> None:
        """Leave out `size` bytes before what waits."""
        self._left_out += size

    def due(self) -> float | None:
        """Return from when on there is a content to take, None while there is none."""
        return self._next if self._waiting and self._room() else None

    def take(self, now: float) -> Content | None:
        """Return the next content, None when none may be sent yet."""
        due = self.due()
        if due is None or now < due:
            return None
        self._next = now + _PAUSE
        return self._content()

    def end(self) -> list[Content]:
        """Return what still waits, or that nothing does: the attempt has ended."""
        return list(iter(self.take_last, None))

    @property
    def waits(self) -> bool:
        """True while there is something to tell: a content, or that some is left out."""
        return bool(self._waiting or self._left_out)

    def take_last(self) -> Content | None:
        """Return the next content after the end, at any time; None when nothing waits."""
        return self._content() if self.waits else None

    def _room(self) -> bool:
        """Tell whether more may be sent before the end."""
        return self._taken_bytes + MAX_LOG_BYTES <= self._first_bytes

    def _leave_out(self) -> None:
        freed = 0
        while self._waiting and freed < _LEAST_LEFT_OUT:
            freed += len(self._waiting.popleft().encode())
        self._waiting_bytes -= freed
        self._left_out += freed

    def _content(self) -> Content:
        note = ""
        if self._left_out:
            note = left_out.line(self._left_out)
            self._offset += max(self._left_out - len(note), 0)
            self._left_out = 0
        parts, size = [note], len(note)
        while self._waiting and size + (more := len(self._waiting[0].encode())) <= MAX_LOG_BYTES:
            parts.append(self._waiting.popleft())
            self._waiting_bytes -= more
            size += more
        content = Content("".join(parts), self._offset)
        self._offset += size
        self._taken_bytes += size
        return content


def _whole(line: Line) -> str:
    """Return a line as it is sent: with its end, and cut to MOST_IN_LINE bytes, saying so."""
    text = line.text + "\n"
    if not line.left_out and len(text) * 4 <= MOST_IN_LINE:
        return text
    kept = shorten(line.text, MOST_IN_LINE - 1)
    left_out = line.left_out + len(line.text) - len(kept)
    if left_out:
        kept = shorten(line.text, MOST_IN_LINE - _ROOM_FOR_NOTE)
        left_out = line.left_out + len(line.text) - len(kept)
        kept += f" [{left_out:,} more characters]"
    return kept + "\n"
