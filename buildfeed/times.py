"""Times as activities write them: RFC 3339 with an offset, in the years 1970 to 9998. Pure."""

import re
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Meta

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998
"""One year before the last of `datetime`: with any offset there is a UTC form."""
LONGEST_SECONDS: Final = 365 * 24 * 3600
"""A build that took longer says nothing of others: its clock was wrong, or was made up."""

PATTERN: Final = (
    r"^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])"
    r"-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)([.,][0-9]+)?)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)$(?!\n)"
)
"""RFC 3339 §5.6, and what other programs write for it: an offset without its colon (`strftime`) or
its minutes (PostgreSQL), a comma before the fraction (ISO 8601), no seconds."""

Time = Annotated[datetime, Meta(tz=True, extra_json_schema={"pattern": PATTERN})]
"""A time that programs write, with the oddities of some."""
Moment = Annotated[datetime, Meta(tz=True)]
"""A time that we write: `format` is in its schema only because it must have an offset."""

_IS_TIME: Final = re.compile(PATTERN)
_PARTS: Final = re.compile(
    r"(?P<date>.{10}).(?P<minute>.{5})(:(?P<second>..)([.,](?P<fraction>\d+))?)?"
    r"(?P<offset>[Zz]|[+-]..)(:?(?P<more>..))?"
)


def is_time(value: object) -> bool:
    """Tell whether the JSON `value` looks like a time."""
    return isinstance(value, str) and _IS_TIME.match(value) is not None


def canonical(value: Any) -> Any:  # noqa: ANN401 - JSON is any
    """Return the JSON `value` in the form of RFC 3339 if it is a time, else as it is.

    A leap second becomes the second before it, as `datetime` has none.
    """
    if not is_time(value) or not (found := _PARTS.fullmatch(value)):
        return value
    second = min(int(found["second"] or 0), 59)
    fraction = f".{found['fraction']}" if found["fraction"] else ""
    offset = found["offset"].upper()
    zone = offset if offset == "Z" else f"{offset}:{found['more'] or '00'}"
    return f"{found['date']}T{found['minute']}:{second:02}{fraction}{zone}"
