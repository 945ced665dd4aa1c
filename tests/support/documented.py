"""The configuration of proxies that docs/running.md gives, made to fit a test."""

import re

from support.programs import ROOT

GATEWAY = "127.0.0.1:8000"


def configuration(language: str, number: int = 0) -> str:
    """Return a block of code of docs/running.md: the first, or another, in this language."""
    text = (ROOT / "docs" / "running.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[number]


def fitted(text: str, changes: dict[str, str]) -> str:
    """Replace what stands in `text`; what does not stand there is a mistake."""
    for old, new in changes.items():
        assert old in text, f"docs/running.md has no {old!r}"
        text = text.replace(old, new)
    return text
