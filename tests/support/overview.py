"""The overview in a browser: what a person presses there to start a build."""

from playwright.sync_api import Locator, Page, expect


def open_form(page: Page) -> Locator:
    """Open the form that starts builds, if it is not open; return it."""
    form = page.locator("#start-form")
    if not form.is_visible():
        page.get_by_role("button", name="Start a build", exact=True).click()
        expect(form).to_be_visible()
    return form


def press_start(page: Page, project: str | None = None) -> None:
    """Start a build by the form, of the project of the page if no other is named."""
    form = open_form(page)
    if project is not None:
        form.locator("input[name=project]").fill(project)
    form.get_by_role("button", name="Start build").click()
