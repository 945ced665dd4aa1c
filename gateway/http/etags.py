"""Entity tags (RFC 9110 §8.8.3): what somebody has already is not sent again."""

import hashlib

from starlette.datastructures import Headers


def tag(content: bytes) -> str:
    """Return the tag of `content`, as it stands in the header `ETag`."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def is_known(tag_: str, headers: Headers) -> bool:
    """Tell whether `If-None-Match` names a tag (RFC 9110 §13.1.2: W/ makes no difference)."""
    lines = headers.getlist("if-none-match")
    named = [each.strip().removeprefix("W/") for line in lines for each in line.split(",")]
    return tag_ in named or named == ["*"]
