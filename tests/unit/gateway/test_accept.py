import pytest

from gateway.accept import prefers_html

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (CHROME, True),
        ("text/html", True),
        ("Text/HTML ; Q=0.5", True),
        ("application/xhtml+xml", True),
        ("text/*", True),
        ("text/html, */*", True),
        ("text/html, application/json;q=0.9", True),
        ("text/html;level=1;q=0.2, */*;q=0.1", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/plain, */*", False),
        ("text/html, application/json", False),
        ("text/html;q=0.5, application/problem+json", False),
        ("text/html;q=0, */*", False),
        ("text/html;q=0.1, */*;q=0.2", False),
        ("text/html;q=nan", False),
        ("text/html;q=inf", False),
        ("text/html;q=-1", False),
        ("text/html;q=", False),
        ("text/css,*/*;q=0.1", False),
        ("html", False),
        (";;,,q=1,=;text/", False),
        ("text/html;version=abc", True),
        ("\xff\x00,text/html", True),
        ("a/b," * 100_000, False),
    ],
)
def test_html_is_for_those_who_ask_for_it(accept: str, *, html: bool) -> None:
    assert prefers_html(accept) is html
