r"""Texts of strangers on a terminal: output with its colours, and JSON. Pure.

A terminal obeys what it is sent: escape sequences move its cursor, change its title, or have it
type an answer. Of output only colours pass (SGR, ECMA-48 §8.3.117).
"""

import re
from typing import Final

RESET: Final = "\x1b[0m"
"""Ends all colours."""

_SEQUENCE: Final = re.compile(
    r"(?P<colour>\x1b\[[0-9;:]{0,64}m)"
    r"|\x1b\[[ -?]*(?:[@-~]|(?=[^ -~])|\Z)"  # CSI; one that is cut short ends where it cannot go on
    r"|\x1b[\]PX^_k][^\x00-\x1f\x7f\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS and other strings
    r"|\x1b[ -/]*[0-~]?"
    r"|(?P<line_end>\r\n?)"
    r"|(?P<direction>[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_PLAIN: Final = re.compile(
    r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*"
)


def output(text: str) -> str:
    r"""Return a piece of a program's output without what a terminal would obey, but for colours.

    A carriage return ends a line. Marks that turn the direction of writing are written as `\u202e`.
    """
    return text if _PLAIN.fullmatch(text) else _SEQUENCE.sub(_passed, text)


def _passed(found: "re.Match[str]") -> str:
    match found.lastgroup:
        case "colour":
            return found[0]
        case "line_end":
            return "\n"
        case "direction":
            return f"\\u{ord(found[0]):04x}"
    return ""


def json(text: str) -> str:
    r"""Return one line of JSON with the same meaning, all of it printable.

    Characters that are not are in its strings, as it is one line, and are written as `\u009b`.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{each}" for each in pairs)
