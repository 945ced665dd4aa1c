"""What axe-core finds wrong with a page, for people who do not see it as others do."""

from itertools import product
from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"

# Only what is wrong is handed over: the rest is megabytes.
VIOLATIONS = """
    axe.run({resultTypes: ["violations"]}).then(({violations}) =>
      violations.map(({id, nodes}) => [id, nodes.map(({target}) => target)]))
"""


def problems(page: Page) -> list[tuple[int, str, list[object]]]:
    """What axe finds on a phone and on a desk, by day and by night."""
    assert AXE.exists(), "axe-core is missing: run `make test`, or `npm ci`."
    if page.evaluate("!window.axe"):  # by DevTools: the page's policy allows no foreign script
        page.evaluate(AXE.read_text())
    found = []
    for width, scheme in product((390, 1280), ("light", "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        found += [(width, scheme, violation) for violation in page.evaluate(VIOLATIONS)]
    return found
