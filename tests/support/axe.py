"""What axe-core finds wrong with a page, for people who do not see it as others do."""

from itertools import product
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"

# Only what is wrong is handed over: the rest is megabytes.
VIOLATIONS = """
    options => axe.run({resultTypes: ["violations"], ...options}).then(({violations}) =>
      violations.map(({id, nodes}) => [id, nodes.map(({target}) => target)]))
"""

SCHEMES: tuple[tuple[Literal["light", "dark"], dict[str, Any]], ...] = (
    ("light", {}),
    ("dark", {"runOnly": ["color-contrast", "link-in-text-block"]}),  # those that ask for colours
)


def problems(page: Page) -> list[tuple[int, str, list[object]]]:
    """What axe finds on a phone and on a desk, by day and by night."""
    assert AXE.exists(), "axe-core is missing: run `make test`, or `npm ci`."
    if page.evaluate("!window.axe"):  # by DevTools: the page's policy allows no foreign script
        page.evaluate(AXE.read_text())
    found = []
    for width, (scheme, rules) in product((390, 1280), SCHEMES):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        found += [(width, scheme, each) for each in page.evaluate(VIOLATIONS, rules)]
    return found
