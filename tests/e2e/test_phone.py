"""The page “From your phone” in a real Chromium, below a path, of a whole `up`."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from buildfeed.broker.local import ports
from gateway.http.phone import HERE
from support.axe import problems
from support.documented_phone import node_modules
from support.people import People, expect_live
from support.programs import lines
from support.service import Web, until

NewPage = Callable[..., Page]
QUICK = {"seconds": 0.2, "steps": 2, "errors": []}
CLIPBOARD = ["clipboard-read", "clipboard-write"]
OUTSIDE = {
    "name": "ada",
    "clientId": "ada:phone",
    "addresses": [
        {
            "url": "mqtts://broker.example:8883",
            "scheme": "mqtts",
            "host": "broker.example",
            "port": 8883,
            "path": "",
            "tls": True,
            "here": False,
        },
        {
            "url": "wss://builds.example:443/mqtt",
            "scheme": "wss",
            "host": "builds.example",
            "port": 443,
            "path": "/mqtt",
            "tls": True,
            "here": False,
        },
    ],
    "unreachable": None,
    "topics": ["builds/acme/#", "projects/acme/latest"],
}
"""What the gateway answers where phones reach the broker."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = ports.free_block(3, 63)
    assert port
    options = {"mqtt_port": port + 1, "mqtt_ws_port": port + 2, "root_path": "/ci"}
    directory = tmp_path_factory.mktemp("up")
    with Web("up", directory, port=port, anonymous="none", **options) as web:
        yield web.until_ready()


@pytest.fixture(scope="module")
def people(web: Web) -> People:
    return People(web)


@pytest.fixture(scope="module")
def ada(people: People) -> str:
    """The token of ada."""
    return people.token("ada", "builder@acme", "start:other")


def visit(page: Page, web: Web, token: str) -> None:
    page.goto(f"{web.url}/ci/login?back=/ci/phone#{token}")
    expect(page).to_have_url(f"{web.url}/ci/phone")
    expect(page.get_by_role("heading", name="The settings")).to_be_visible()


def setting(page: Page, section: str, name: str) -> str:
    """What a section says to put into a field."""
    row = page.get_by_role("region", name=section).locator("dl > div", has_text=name).first
    return row.locator("code").inner_text()


def test_it_says_what_to_put_into_an_app(web: Web, new_page: NewPage, ada: str) -> None:
    page = new_page()
    visit(page, web, ada)
    mqtt, ws = web.options["mqtt_port"], web.options["mqtt_ws_port"]
    assert setting(page, "The settings", "Host") == "127.0.0.1"
    assert setting(page, "The settings", "Port") == str(mqtt)
    assert setting(page, "The settings", "User name") == "ada"
    assert setting(page, "The settings", "Over WebSocket") == f"ws://127.0.0.1:{ws}/mqtt"
    assert re.fullmatch(r"ada:phone-[0-9a-f]{4}", setting(page, "The settings", "Client ID"))
    assert setting(page, "The settings", "Topics") == "builds/acme/#"
    assert setting(page, "IoT MQTT Panel", "Broker Web/IP address") == "127.0.0.1"
    assert setting(page, "MQTTAnalyzer", "Hostname") == "127.0.0.1"
    expect(page.get_by_text(HERE)).to_be_visible()
    assert ada not in page.content()


def test_what_is_copied_runs(
    web: Web, new_page: NewPage, people: People, ada: str, tmp_path: Path
) -> None:
    page = new_page(permissions=CLIPBOARD)
    visit(page, web, ada)
    page.get_by_role("button", name="Copy the command").click()
    expect(page.get_by_text("The command is copied.")).to_be_attached()
    command = page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Copy the program").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The program is copied.")).to_be_attached()
    program = page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Copy Host", exact=True).click()
    expect(page.get_by_text("Host is copied.")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == "127.0.0.1"
    page.reload()  # a phone has an id of its own
    expect(page.get_by_role("heading", name="The settings")).to_be_visible()
    page.get_by_role("button", name="Copy the command").click()
    other = page.evaluate("navigator.clipboard.readText()")
    assert other != command

    def run(text: str) -> list[str]:
        return ["env", f"TOKEN={ada}", "sh", "-c", f"exec {text}"]

    with (
        node_modules(tmp_path) as folder,
        lines(*run(command)) as first,
        lines(*run(other)) as second,
        lines("env", f"TOKEN={ada}", "node", folder(program)) as in_a_page,
    ):

        def all_hear() -> bool:
            for project in ("other", "acme"):
                people.start(ada, project, script=QUICK)
            return all("builds/acme/" in "".join(each) for each in (first, second, in_a_page))

        until(all_hear, "a build is heard")
    assert "builds/other/" not in "".join([*first, *second, *in_a_page])


def test_where_the_browser_does_not_let_it_copy_the_text_is_selected(
    web: Web, new_page: NewPage, ada: str
) -> None:
    page = new_page()
    page.add_init_script("delete Navigator.prototype.clipboard")
    visit(page, web, ada)
    page.get_by_role("button", name="Copy Client ID").first.click()
    expect(page.get_by_text("the text is selected")).to_be_attached()
    assert page.evaluate("String(getSelection())").startswith("ada:phone-")


def test_who_is_not_signed_in_is_asked_to(web: Web, new_page: NewPage, ada: str) -> None:
    page = new_page()
    page.goto(f"{web.url}/ci/phone")
    expect(page.get_by_role("alert").filter(has_text="Sign in first")).to_be_visible()
    expect(page.get_by_role("heading", name="The settings")).to_be_hidden()
    page.get_by_role("link", name="sign in").click()
    page.get_by_label("Token").fill(ada)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="The settings")).to_be_visible()


def test_the_first_page_leads_there_and_back(web: Web, new_page: NewPage, ada: str) -> None:
    page = new_page()
    page.goto(f"{web.url}/ci/login#{ada}")
    expect_live(page)
    page.get_by_role("link", name="From your phone").click()
    expect(page).to_have_url(f"{web.url}/ci/phone")
    page.get_by_role("link", name="Buildfeed").click()
    expect(page).to_have_url(f"{web.url}/ci/")


@pytest.mark.parametrize("where", ["here", "outside", "stranger"])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    web: Web, new_page: NewPage, ada: str, where: str
) -> None:
    page = new_page(reduced_motion="reduce")
    if where == "outside":

        def outside(route: Route) -> None:
            route.fulfill(json=OUTSIDE)

        page.route("**/api/phone", outside)
    if where == "stranger":
        page.goto(f"{web.url}/ci/phone")
        expect(page.get_by_role("alert").filter(has_text="Sign in first")).to_be_visible()
    else:
        visit(page, web, ada)
    if where == "outside":
        assert setting(page, "The settings", "Encryption (TLS)") == "on"
        expect(page.get_by_text("Nothing is encrypted")).to_be_hidden()
    assert problems(page) == []
    for width in (360, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(forced_colors="active")
    assert problems(page) == []
