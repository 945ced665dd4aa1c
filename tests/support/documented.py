"""What the documents give to copy, made to fit a test: the configuration of proxies, and others."""

import re

from support.programs import ROOT

GATEWAY = "127.0.0.1:8000"


def configuration(language: str, number: int = 0, page: str = "running.md") -> str:
    """Return a block of code of a page of docs/: the first, or another, in this language."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[number]


def fitted(text: str, changes: dict[str, str]) -> str:
    """Replace what stands in `text`; what does not stand there is a mistake."""
    for old, new in changes.items():
        assert old in text, f"the documents have no {old!r}"
        text = text.replace(old, new)
    return text
