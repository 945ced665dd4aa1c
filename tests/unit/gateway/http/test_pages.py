"""The page and its files, as they are served."""

import gzip
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from gateway.http import pages as module
from gateway.http import site
from gateway.http.pages import WEB, pages
from gateway.http.site import Site

NONE = {"Accept-Encoding": "identity"}


def client(root: str = "") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=pages(root)))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=NONE)


async def login(root: str, **headers: str) -> httpx.Response:
    async with client(root) as http:
        return await http.get("/login?back=/projects/acme", headers=headers)


def links(html: str) -> list[str]:
    return re.findall(r'(?:src|href|action)="([^"]*)"', html)


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `web/` that may be changed."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "styles").mkdir()
    (tmp_path / "scripts/app.js").write_text('import { a } from "./a.js";\na();\n')
    (tmp_path / "scripts/a.js").write_text("export const a = () => 1;\n" + "// long\n" * 200)
    (tmp_path / "styles/one.css").write_text("a { color: red; }\n")
    (tmp_path / "styles/two.css").write_text("b { color: blue; }\n")
    (tmp_path / "index.html").write_text(
        '<html>\n    <link rel="stylesheet" href="/styles/one.css">\n'
        '    <link rel="stylesheet" href="/styles/two.css">\n'
        '    <script type="module" src="/scripts/app.js"></script>\n<a href="/">All</a></html>\n'
    )
    monkeypatch.setattr(module, "WEB", tmp_path)
    monkeypatch.setattr(site, "_LOOK_SECONDS", 0)
    return tmp_path


@pytest.mark.parametrize("root", ["", "/ci"])
async def test_it_loads_only_what_is_ours_below_the_root(root: str) -> None:
    answer = await login(root)
    assert answer.status_code == 200
    loaded = links(answer.text)
    assert any(re.fullmatch(rf"{root}/assets/\w+/scripts/login\.js", link) for link in loaded)
    assert [link for link in loaded if not re.match(rf"{root}/(?!/)", link)] == []


async def test_it_is_kept_nowhere_and_always_whole() -> None:
    answer = await login("", **{"If-None-Match": "*"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_token_is_taken_out_of_the_address_before_anything_else_is_loaded() -> None:
    text = (await login("")).text
    first, *_ = re.findall(r"<(?:script|link|img)[^>]*>", text)
    assert re.fullmatch(
        r'<script type="module" async src="/assets/\w+/scripts/login-link\.js">', first
    )
    script = re.search(r'src="(/assets/\w+/scripts/login\.js)"', text)
    assert script
    async with client() as http:
        # It may run only once, so the other script imports it.
        assert 'from "./login-link.js"' in (await http.get(script[1])).text


@pytest.mark.parametrize("file", sorted(WEB.glob("*.html")), ids=lambda file: file.name)
async def test_every_page_is_one_script_and_one_style(file: Path) -> None:
    version = Site(WEB).now()
    text = (await version.file(file.name)).content.decode()
    assert text.count('rel="stylesheet"') == 1
    for link in links(text):
        if link.startswith("/assets/"):
            path = link.removeprefix(f"/assets/{version.name}/")
            made = await version.file(path)
            if path.endswith(".js") and "login" not in path:
                assert not re.search(rb"^import ", made.content, re.MULTILINE), path


async def test_files_stay_at_the_address_of_their_version(web: Path) -> None:
    async with client() as http:
        style, script = links((await http.get("/")).text)[:2]
        assert re.fullmatch(r"/assets/[0-9a-f]{16}/index\.css", style)
        assert (await http.get(style)).text == "a { color: red; }\nb { color: blue; }\n"
        for path in (style, script):
            answer = await http.get(path)
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await http.get(script)).headers["content-type"] == "text/javascript; charset=utf-8"


async def test_a_change_is_seen_at_the_next_load(web: Path) -> None:
    async with client() as http:
        before = await http.get("/")
        again = await http.get("/", headers={"If-None-Match": before.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        (web / "scripts/a.js").write_text("export const a = () => 2;\n")
        after = await http.get("/", headers={"If-None-Match": before.headers["etag"]})
        assert after.status_code == 200
        script = links(after.text)[1]
        assert script != links(before.text)[1]
        assert "() => 2" in (await http.get(script)).text


async def test_the_file_of_another_version_does_for_once(web: Path) -> None:
    async with client() as http:
        answer = await http.get("/assets/0123456789abcdef/scripts/app.js")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["scripts/none.js", "index.html", "%2e%2e/pages.py", "scripts", "", "scripts/none.js.map"],
)
async def test_there_is_nothing_else(web: Path, path: str) -> None:
    async with client() as http:
        name = Site(web).now().name
        assert (await http.get(f"/assets/{name}/{path}")).status_code == 404


async def test_it_is_sent_compressed_to_who_takes_that(web: Path) -> None:
    async with client() as http:
        script = links((await http.get("/")).text)[1]
        plain = await http.get(script)
        assert "content-encoding" not in plain.headers
        for accepted, takes in (
            ("gzip, br", True),
            ("br;q=1, gzip;q=0.5", True),
            ("gzip;q=0", False),
        ):
            async with http.stream("GET", script, headers={"Accept-Encoding": accepted}) as answer:
                raw = b"".join([part async for part in answer.aiter_raw()])
            assert (answer.headers.get("content-encoding") == "gzip") == takes
            assert answer.headers["vary"] == "Accept-Encoding"
            assert (gzip.decompress(raw) if takes else raw) == plain.content
            assert (answer.headers["etag"] != plain.headers["etag"]) == takes


async def test_a_file_is_as_it_is_at_its_own_address(web: Path) -> None:
    async with client() as http:
        answer = await http.get("/scripts/app.js")
        assert answer.content == (web / "scripts/app.js").read_bytes()
        known = await http.get("/scripts/app.js", headers={"If-None-Match": answer.headers["etag"]})
        assert known.status_code == 304
        assert (await http.get("/scripts/none.js")).status_code == 404


async def test_developers_see_the_files_of_a_bundle(web: Path) -> None:
    async with client() as http:
        script = links((await http.get("/")).text)[1]
        assert (await http.get(script)).text.endswith("//# sourceMappingURL=app.js.map\n")
        found = (await http.get(f"{script}.map")).json()
        assert [each["map"]["sources"] for each in found["sections"]] == [
            ["scripts/a.js"],
            ["scripts/app.js"],
        ]


async def test_only_the_page_may_draw_pictures_of_its_own(web: Path) -> None:
    async with client() as http:
        policy = (await http.get("/")).headers["content-security-policy"]
        assert "img-src 'self' data:" in policy
