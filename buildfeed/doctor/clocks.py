"""Verdicts on clocks: by how much each differs from that of this machine. Pure.

Clocks order nothing, but people see their times, and tokens and retention go by the database's.
"""

from datetime import datetime
from typing import Final

from buildfeed.doctor.finding import Finding, fault, ok, warning

_SEEN_SECONDS: Final = 2.0
"""From here on people see waiting times and ages that are wrong."""
_FAULT_SECONDS: Final = 60.0
"""From here on certificates, tokens and sign-ins fail or last too long."""


def verdict(whose: str, theirs: datetime, asked: datetime, answered: datetime) -> Finding:
    """Return the finding about a clock that said `theirs`, between two times of this machine."""
    subject = f"clock of {whose}"
    early = (asked - theirs).total_seconds()
    late = (theirs - answered).total_seconds()
    off = max(early, late, 0.0)
    if off < _SEEN_SECONDS:
        return ok(subject, "it agrees with this machine's.")
    behind = "behind" if early > late else "ahead of"
    meaning = f"it is {off:.0f} s {behind} this machine's."
    advice = "Let both machines follow a time server (chrony, systemd-timesyncd)."
    return (fault if off >= _FAULT_SECONDS else warning)(subject, meaning, advice)
