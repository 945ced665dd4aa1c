"""What a person sees whose browser opens an address that is refused."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from gateway.problems import SECURITY_HEADERS
from support.service import HTTP, Web

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CASES = [
    # path, Host, status, type, words
    ("/nope", "", 404, "not-found", "There is nothing at /nope"),
    ("/projects/a/b/c", "", 404, "not-found", "There is nothing at /projects/a/b/c"),
    ("/scripts/none.js", "", 404, "not-found", "There is nothing at /scripts/none.js"),
    ("/%1b%5b31m%e2%80%ae%0a<b>", "", 404, "not-found", "There is nothing at /"),
    ("/projects/Acme", "", 400, "bad-name", "'Acme' is no project name"),
    ("/projects/acme/builds/B%00", "", 400, "bad-name", "is no build name"),
    ("/api/projects/acme/builds/none", "", 404, "unknown-build", "There is no build none"),
    ("/api/builds?limit=x", "", 400, "bad-query", "The query is refused"),
    ("/api/events?watch=x", "", 400, "bad-filter", "Filter 'x' is refused"),
    ("/socket.io/?EIO=2", "", 400, "bad-protocol", ""),
    ("/", "evil.example", 421, "foreign-host", "does not answer to the host 'evil.example'"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[2]} {case[3]} {case[0][:12]}")
def test_browsers_get_a_page_and_programs_json(
    up: Web, case: tuple[str, str, int, str, str]
) -> None:
    path, host, status, slug, words = case
    headers = {"Host": host} if host else {}
    page = HTTP.get(up.url + path, headers={**headers, "Accept": BROWSER})
    told = HTTP.get(up.url + path, headers=headers)
    for answer in (page, told):
        assert answer.status_code == status
        assert "accept" in answer.headers["vary"].lower()
        policy = SECURITY_HEADERS["content-security-policy"]
        assert answer.headers["content-security-policy"].startswith(policy)
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert told.json()["type"] == f"urn:buildfeed:problem:{slug}"
    assert told.json()["detail"].isprintable()
    assert words in told.json()["detail"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    escaped = words.replace("'", "&#x27;")
    assert escaped in page.text
    assert "<b>" not in page.text
    assert ">All builds</a>" in page.text or status == 421


def test_the_page_leads_back(up: Web, new_page: Callable[..., Page]) -> None:
    page = new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{up.url}/projects/Acme")
    expect(page.get_by_role("heading")).to_have_text("Bad Request")
    expect(page.get_by_text("'Acme' is no project name")).to_be_visible()
    assert not [text for text in complaints if "Content Security Policy" in text]
    page.get_by_role("link", name="All builds").click()
    expect(page.locator("#connection-status")).to_contain_text("Live")
