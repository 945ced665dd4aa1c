"""What a client accepts as an answer: the header `Accept` (RFC 9110 §12.5.1). Pure."""

import re
from typing import Final

_RANGE: Final = re.compile(r"\s*([a-z0-9*+.-]+/[a-z0-9*+.-]+)\s*(?:;(.*))?", re.ASCII | re.DOTALL)
_WEIGHT: Final = re.compile(r"\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.ASCII)
_HTML: Final = "text/html", "application/xhtml+xml", "text/*"
_JSON: Final = "application/problem+json", "application/json"
_ANY: Final = "application/*", "*/*"
_MOST: Final = 4096
"""Characters of the header that are looked at; those of browsers have 200."""


def prefers_html(accept: str) -> bool:
    """Tell whether HTML is asked for by its name, and JSON less, or as much by a wildcard alone."""
    weights = dict(_weight(each) for each in accept[:_MOST].lower().split(","))
    html, json, any_ = (
        max((weights[name] for name in names if name in weights), default=0)
        for names in (_HTML, _JSON, _ANY)
    )
    return html > json and html >= any_


def _weight(text: str) -> tuple[str, float]:
    """Return a media range and its weight, from 0 to 1; 0 when it is none."""
    found = _RANGE.fullmatch(text)
    if not found:
        return "", 0
    for parameter in (found[2] or "").split(";"):
        if parameter.strip().startswith("q="):
            weight = _WEIGHT.fullmatch(parameter)
            return found[1], float(weight[1]) if weight else 0
    return found[1], 1
