"""Ranges of bytes that a request asks for (RFC 9110 §14). Pure."""

import re
from typing import Final

_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,19})-(\d{0,19})\s*", re.IGNORECASE | re.ASCII)


class Unsatisfiable(Exception):
    """No byte of the content is in the range that is asked for."""


def asked(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one behind the last that `Range` asks for, of `size` bytes.

    None: the whole. So it is for several ranges, another unit, and a header that is malformed,
    which a server may ignore (§14.2). Raises Unsatisfiable.
    """
    found = _RANGE.fullmatch(header) if header is not None else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        begin, end = max(size - int(found[2]), 0), size
    else:
        begin = int(found[1])
        end = min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < begin:
            return None  # malformed, §14.1.1
    if begin >= size or begin >= end:
        raise Unsatisfiable
    return begin, end
