"""The examples of topics.md, by their labels: the contract has them once."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import gateway

_PACKAGE: Final = Path(gateway.__file__).parent
_PLACES: Final = _PACKAGE / "topics.md", _PACKAGE.parent / "topics.md"
"""In an installed package the page is data of `gateway`; in a checkout it lies beside it."""
_EXAMPLE: Final = re.compile(r"<!-- (?P<label>[^\n]+) -->\n```json\n(?P<text>.*?)```", re.DOTALL)


@cache
def examples() -> Mapping[str, Any]:
    """Return the JSON value of each example with a label, as in `event build`.

    There are none without the page: a description is of use without them too.
    """
    pages = [place.read_text(encoding="utf-8") for place in _PLACES if place.is_file()]
    found = [each for page in pages[:1] for each in _EXAMPLE.finditer(page)]
    return {each["label"]: json.loads(each["text"]) for each in found}
