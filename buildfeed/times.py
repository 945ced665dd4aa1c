"""Times as activities write them: RFC 3339 with an offset, in the years 1970 to 9998. Pure."""

import re
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Meta

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998
"""One year before the last of `datetime`: with any offset there is a UTC form."""

PATTERN: Final = (
    r"^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])"
    r"-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$(?!\n)"
)
"""RFC 3339 §5.6. An offset may also lack its colon, as some `strftime` write it."""

Time = Annotated[datetime, Meta(tz=True, extra_json_schema={"pattern": PATTERN})]

_IS_TIME: Final = re.compile(PATTERN)
_SECONDS: Final = slice(len("1970-01-01T00:00:"), len("1970-01-01T00:00:00"))


def is_time(value: object) -> bool:
    """Tell whether the JSON `value` looks like a time."""
    return isinstance(value, str) and _IS_TIME.match(value) is not None


def without_leap(value: Any) -> Any:  # noqa: ANN401 - JSON is any
    """Return the JSON `value` with 59 for a leap second, which `datetime` does not have."""
    if isinstance(value, str) and value[_SECONDS] == "60":
        return value[: _SECONDS.start] + "59" + value[_SECONDS.stop :]
    return value
