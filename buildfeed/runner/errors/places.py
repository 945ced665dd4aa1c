"""Places in source files: how tools write them, and which files are the user's own. Pure."""

import re
from typing import Final

PATH: Final = r"(?P<file>(?:[A-Za-z]:(?=[\\/]))?+[^\s:()<>\"'|*?\[\]][^:\"'<>|*?]{0,1023}+)"
"""A path up to the next colon. It may have spaces, but begins with none."""
PLACE: Final = PATH + r":(?P<line>\d{1,9}+)(?::(?P<column>\d{1,9}+))?"
"""`src/a.c:3:5` or `src/a.c:3`."""

_FOREIGN: Final = re.compile(
    r"""(?:^|[/\\]) (?:
        (?:site|dist)-packages | python\d[\d.]* | node_modules | \.cargo | rustlib | pkg/mod
        | go/src
    ) [/\\]
    | ^ (?: node: | internal/ | /rustc/ | < )""",
    re.VERBOSE,
)


def is_foreign(file: str) -> bool:
    """Tell whether a file belongs to a library or to the language, not to the user."""
    return bool(_FOREIGN.search(file))
