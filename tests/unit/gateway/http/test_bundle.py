"""A script and all that it imports, as one."""

import json
import re

import pytest

from gateway.http.bundle import NotBundled, bundle, is_module

SOURCES = {
    "scripts/app.js": (
        'import { a, b as other } from "./text/a.js";\n'
        'import * as all from "./text/a.js";\n'
        'import "./effect.js";\n'
        'import {\n  c,\n  d,\n} from "./c.js";\n'
        "console.log(a, other, all.a, c, d);\n"
    ),
    "scripts/text/a.js": (
        'import { io } from "../../vendor/lib.js";\n'
        "/** A function. */\n"
        "export function a() {\n  return io;\n}\n"
        'export const b = new URL("./worker.js", import.meta.url);\n'
    ),
    "scripts/text/worker.js": "export const nothing = 0;\n",
    "scripts/c.js": (
        'export const c = () => import("./effect.js");\nconst own = 1;\nexport { own as d };\n'
    ),
    "scripts/effect.js": (
        "globalThis.effect = 1;\nexport async function f() {}\nexport class G {}\n"
    ),
    "vendor/lib.js": (
        "/*! x */\nconst t=1;function u(){}u();export{t as io,u as default};\n"
        "//# sourceMappingURL=lib.map"
    ),
}


def test_each_module_is_there_once_before_those_that_import_it() -> None:
    text = bundle("scripts/app.js", SOURCES).text
    order = [
        "vendor/lib.js",
        "scripts/text/a.js",
        "scripts/effect.js",
        "scripts/c.js",
        "scripts/app.js",
    ]
    places = [text.index(f"// {path}\n") for path in order]
    assert places == sorted(places)
    assert [text.count(f"// {path}\n") for path in order] == [1] * len(order)


def test_names_are_handed_from_module_to_module() -> None:
    text = bundle("scripts/app.js", SOURCES).text
    assert (
        "const { a, b: other } = module1;\nconst all = module1;\n\nconst {\n  c,\n  d,\n} = "
        in text
    )
    assert "return { io: t, default: u };" in text
    assert "return { c, d: own };" in text or "return { d: own, c };" in text
    assert "return { f, G };" in text
    assert "\nasync function f() {}\nclass G {}\n" in text


def test_addresses_are_those_of_the_module() -> None:
    found = bundle("scripts/app.js", SOURCES)
    assert 'new URL("./worker.js", new URL("./text/a.js", import.meta.url).href)' in found.text
    assert 'import("./effect.js")' in found.text
    assert found.beside == ("scripts/text/worker.js",)


def test_what_the_page_loads_by_itself_is_imported() -> None:
    text = bundle("scripts/app.js", SOURCES, {"scripts/effect.js", "scripts/app.js"}).text
    assert text.startswith('import * as outside0 from "./effect.js";\n')
    assert "globalThis.effect" not in text


def test_the_source_map_leads_to_the_lines_of_the_files() -> None:
    found = bundle("scripts/app.js", SOURCES)
    lines = found.text.splitlines()
    sections = json.loads(found.map)["sections"]
    assert len(sections) == 5
    for section in sections:
        (path,), (source,) = section["map"]["sources"], section["map"]["sourcesContent"]
        assert source == SOURCES[path]
        for number, line in enumerate(source.splitlines()):
            if line and not re.search("import|export|from|sourceMap|/\\*\\*", line):
                assert lines[section["offset"]["line"] + number] == line
        assert section["map"]["mappings"].count(";") == source.count("\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('import { a } from "./b.js";', "in a circle: a.js → b.js → a.js"),
        ('import { a } from "./none.js";', "there is no none.js"),
        ("export default 1;", "not understood: export default 1;"),
        ("export let a = 1;", "not understood: export let a = 1;"),
        ('export { a } from "./b.js";', "not understood: export { a }"),
        ('import a from "./b.js";', "not understood: import a from"),
    ],
)
def test_what_is_not_understood_is_said(text: str, why: str) -> None:
    with pytest.raises(NotBundled, match=why):
        bundle("a.js", {"a.js": text, "b.js": 'import { b } from "./a.js";\n'})


def test_a_classic_script_is_no_module() -> None:
    assert not is_module(
        'addEventListener("load", function () { important(); });\n// import this\n'
    )
    assert is_module('import "./a.js";')
    assert is_module("const a=1;export{a};")
    assert is_module("const { pathname } = new URL(import.meta.url);")


def test_a_bundle_exports_what_its_script_does() -> None:
    text = bundle("scripts/c.js", SOURCES).text
    assert "\nexport const { d, c } = module0;\n" in text
    assert "\nexport " not in bundle("scripts/app.js", SOURCES).text


def test_comments_are_left_out_but_for_licences_and_where_a_text_has_several_lines() -> None:
    text = bundle(
        "a.js", {"a.js": "/** Long\n * words. */\nf(); // not this one\n  // that\n"}
    ).text
    assert "words" not in text
    assert "\n\n\nf(); // not this one\n" in text
    assert "/*! x */" in bundle("vendor/lib.js", SOURCES).text
    lines = "f(`\n// of a text\n`);\n"
    assert lines.strip() in bundle("a.js", {"a.js": lines}).text
