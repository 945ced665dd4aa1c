"""People who come by an OpenID provider, in a real Chromium; and programs with its tokens.

The provider calls itself localhost, the page is at 127.0.0.1: another site for a browser.
"""

from collections.abc import Callable, Iterator

import pytest
import socketio
from playwright.sync_api import Page, expect

from buildfeed.broker.local import ports
from support.axe import problems
from support.openid_provider import SECRET, OpenIdProvider
from support.people import expect_live, expect_signed_in
from support.service import HTTP, Web

NewPage = Callable[..., Page]

NAME = "Example Login"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web, OpenIdProvider]]:
    """Everything by one command, where a stranger may do nothing, and a provider."""
    port = ports.free_block(3, 57)
    assert port
    callback = f"http://127.0.0.1:{port}/login/oidc/callback"
    with OpenIdProvider(port + 2, [callback]) as provider:
        options = {
            "oidc_issuer": provider.issuer,
            "oidc_client_id": "buildfeed",
            "oidc_client_secret": SECRET,
            "oidc_label": NAME,
            "oidc_groups": "dev=operator;sales staff=viewer@shop",
        }
        directory = tmp_path_factory.mktemp("up")
        ways = {"port": port, "mqtt_port": port + 1, "anonymous": "none", "no_worker": True}
        with Web("up", directory, **ways, **options) as web:
            yield web.until_ready(), provider


@pytest.fixture
def web(both: tuple[Web, OpenIdProvider]) -> Web:
    return both[0]


@pytest.fixture
def provider(both: tuple[Web, OpenIdProvider]) -> OpenIdProvider:
    return both[1]


def sign_in(page: Page, login: str) -> None:
    """Follow the link of the page, and sign in at the provider."""
    page.get_by_role("link", name=f"Sign in with {NAME}").click()
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("x")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_one_signs_in_where_one_is_and_out(web: Web, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{web.url}/projects/acme")
    sign_in(page, "ada")
    expect(page).to_have_url(f"{web.url}/projects/acme")
    expect_signed_in(page, "oidc-ada")
    expect_live(page)
    assert page.evaluate("document.cookie") == ""
    expect(page.locator("#sign-in")).to_be_hidden()
    page.reload()
    expect_signed_in(page, "oidc-ada")
    names = {cookie["name"] for cookie in page.context.cookies(web.url)}
    assert names == {"buildfeed"}
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name=f"Sign in with {NAME}")).to_be_visible()
    assert SECRET not in web.text


def test_the_page_of_the_sign_in_leads_there_too(web: Web, new_page: NewPage) -> None:
    page = new_page(reduced_motion="reduce")  # no colour is on its way to another
    page.goto(f"{web.url}/login?back=/projects/shop")
    expect(page.get_by_role("link", name=f"Sign in with {NAME}")).to_be_visible()
    assert problems(page) == []
    sign_in(page, "bob")
    expect(page).to_have_url(f"{web.url}/projects/shop")
    expect_signed_in(page, "oidc-bob")


def test_who_may_do_nothing_here_is_told_so(web: Web, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{web.url}/login")
    sign_in(page, "eve")
    sentence = f"{NAME} knows you as eve, but nothing that it says of you allows anything here"
    expect(page.get_by_text(sentence)).to_be_visible()
    page.get_by_role("link", name="All builds").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_address_with_a_code_signs_nobody_else_in(web: Web, new_page: NewPage) -> None:
    mine, theirs = new_page(), new_page()
    mine.goto(f"{web.url}/login")
    with mine.expect_request(lambda request: "/callback?code=" in request.url) as stolen:
        sign_in(mine, "ada")
    theirs.goto(stolen.value.url)
    expect(theirs.get_by_text("not begun in this browser")).to_be_visible()
    theirs.goto(web.url)
    expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()


def test_programs_come_by_tokens_of_the_provider(web: Web, provider: OpenIdProvider) -> None:
    token = provider.token("robot", "builder@acme")
    ask = {"Authorization": f"Bearer {token}"}
    started = HTTP.post(f"{web.url}/api/projects/acme/builds", headers=ask, json={})
    assert started.status_code == 202, started.text
    assert started.json()["by"] == "oidc-robot"
    refused = HTTP.post(f"{web.url}/api/projects/other/builds", headers=ask, json={})
    assert refused.status_code == 403
    with HTTP.stream("GET", f"{web.url}/api/events?watch=builds/%23", headers=ask) as stream:
        assert stream.status_code == 200
    for transport in ("websocket", "polling"):
        with socketio.SimpleClient() as client:
            client.connect(web.url, auth={"token": token, "watch": "#"}, transports=[transport])
            again = provider.token("robot", "viewer@acme")
            assert client.call("auth", again)["name"] == "oidc-robot"
            other = provider.token("bob", "viewer@acme")
            assert client.call("auth", other)["error"]["code"] == "not-allowed"
    assert token.rpartition(".")[0] not in web.text
