"""One script that holds a module of the page and all that it imports. Pure.

A browser finds out what a module imports only when it has read it, so a chain of imports costs a
round trip for each link. In a bundle each module is a function that is called once, in the order of
the imports. Its lines stay where they are, without comments. The scripts of the page keep to what
this understands: no cycles, no default exports, no `export let`. Else it raises NotBundled.
"""

import json
import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

_IMPORT: Final = re.compile(
    r"^import\s*(?:(?P<names>\{[^}]*\}|\*\s*as\s+\w+)\s*from\s*)?\"(?P<path>[^\"]+)\";",
    re.MULTILINE,
)
_EXPORT: Final = re.compile(
    r"^export (?P<declared>(?:const|class|function\*?|async function\*?) (?P<name>[\w$]+))",
    re.MULTILINE,
)
_LISTED: Final = re.compile(
    r"(?:^|(?<=[;}]))export\s*\{(?P<names>[^{}]*)\}(?!\s*from);?", re.MULTILINE
)
"""Also at the end of a line, as a minified library has it."""
_LEFT: Final = re.compile(r"^(?:import\b(?!\()|export\b).*", re.MULTILINE)
_LATER: Final = re.compile(r"\bimport\(\s*\"(?P<path>[^\"]+)\"\s*\)")
_OWN_URL: Final = "import.meta.url"
_BESIDE: Final = re.compile(r"\bnew URL\(\"(?P<path>[^\"]+\.js)\",\s*import\.meta\.url\)")
_COMMENT: Final = re.compile(r"^ *(?:/\*(?!!)(?:(?!\*/).)*\*/|//[^\n]*)$", re.MULTILINE | re.DOTALL)
"""Comments that have their lines for themselves."""
_MAP: Final = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


class NotBundled(ValueError):
    """A script is written in a way that this does not understand."""


class Bundle(msgspec.Struct, frozen=True):
    """A script with all that it imports.

    `map` is its source map, and `beside` are the paths of scripts that it starts by their
    addresses, as a worker is.
    """

    text: str
    map: str
    beside: tuple[str, ...]


def bundle(entry: str, sources: Mapping[str, str], apart: Collection[str] = ()) -> Bundle:
    """Return the script at the path `entry` of `sources`, with all that it imports.

    A module of `apart`, which the page loads by itself, is imported, as it may run only once.
    Raises NotBundled.
    """
    modules = _Modules(entry, sources, apart)
    modules.add(entry, ())
    return modules.bundle()


def is_module(text: str) -> bool:
    """Tell whether a script imports or exports."""
    return bool(_LEFT.search(text) or _LISTED.search(text) or _OWN_URL in text)


class _Modules:
    """The modules of a bundle, those that are imported first."""

    def __init__(self, entry: str, sources: Mapping[str, str], apart: Collection[str]) -> None:
        self._entry = entry
        self._sources = sources
        self._apart = set(apart) - {entry}
        self._names: dict[str, str] = {}
        self._outside: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._exported: dict[str, list[str]] = {}
        self._beside: dict[str, None] = {}

    def add(self, path: str, importers: tuple[str, ...]) -> str:
        """Add a module and what it imports; return its name in the bundle."""
        if path in importers:
            cycle = " → ".join([*importers[importers.index(path) :], path])
            raise NotBundled(f"the imports go in a circle: {cycle}")
        if path not in self._names:
            source = self._source(path, importers)
            text = self._with_imports(path, source, (*importers, path))
            self._names[path] = f"module{len(self._names)}"
            self._texts[path] = self._as_function(path, text)
        return self._names[path]

    def bundle(self) -> Bundle:
        """Return the whole."""
        lines: list[str] = [
            f"import * as {name} from {self._quoted(path)};" for path, name in self._outside.items()
        ]
        sections = []
        for path, text in self._texts.items():
            lines.append(f"const {self._names[path]} = (() => {{ // {path}")
            sections.append(_section(len(lines), path, self._sources[path]))
            lines += [*text.splitlines(), "})();"]
        if names := self._exported[self._entry]:
            own = self._names[self._entry]
            lines.append(f"export const {{ {', '.join(names)} }} = {own};")
        name = posixpath.basename(self._entry)
        lines.append(f"//# sourceMappingURL={name}.map")
        source_map = {"version": 3, "file": name, "sections": sections}
        return Bundle("\n".join([*lines, ""]), json.dumps(source_map), tuple(self._beside))

    def _source(self, path: str, importers: tuple[str, ...]) -> str:
        try:
            return _without_comments(_MAP.sub("", self._sources[path]))
        except KeyError:
            raise NotBundled(f"there is no {path}, which {importers[-1:]} imports") from None

    def _with_imports(self, path: str, text: str, importers: tuple[str, ...]) -> str:
        def imported(match: re.Match[str]) -> str:
            names, wanted = match["names"], _joined(path, match["path"])
            if wanted in self._apart:
                module = self._outside.setdefault(wanted, f"outside{len(self._outside)}")
            else:
                module = self.add(wanted, importers)
            if names is None:
                return "\n" * match[0].count("\n")
            taken = names.split()[-1] if names.startswith("*") else re.sub(r"\s+as\s+", ": ", names)
            return f"const {taken} = {module};"

        return _IMPORT.sub(imported, text)

    def _as_function(self, path: str, text: str) -> str:
        """Return the body of a function that returns what the module exports."""
        exported: dict[str, str] = {}

        def listed(match: re.Match[str]) -> str:
            for each in filter(None, map(str.strip, match["names"].split(","))):
                own, _, name = each.partition(" as ")
                exported[name.strip() or own] = own
            return "\n" * match[0].count("\n")

        def declared(match: re.Match[str]) -> str:
            exported[match["name"]] = match["name"]
            return match["declared"]

        text = _EXPORT.sub(declared, _LISTED.sub(listed, text))
        if left := _LEFT.search(text):
            raise NotBundled(f"{path}: this is not understood: {left[0][:100]}")
        self._beside |= {_joined(path, match["path"]): None for match in _BESIDE.finditer(text)}
        text = _LATER.sub(
            lambda match: f"import({self._quoted(_joined(path, match['path']))})", text
        )
        own_url = f"new URL({self._quoted(path)}, {_OWN_URL}).href"
        text = text.replace(_OWN_URL, own_url)
        self._exported[path] = [name for name in exported if name != "default"]
        members = (name if name == own else f"{name}: {own}" for name, own in exported.items())
        return f"{text.rstrip()}\nreturn {{ {', '.join(members)} }};"

    def _quoted(self, path: str) -> str:
        """Return the address of a file, as a script at the address of the bundle writes it."""
        found = posixpath.relpath(path, posixpath.dirname(self._entry))
        return json.dumps(found if found.startswith("../") else f"./{found}")


def _joined(path: str, other: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), other))


def _without_comments(text: str) -> str:
    """Return a script whose comments are empty lines; as it is where a text has several lines."""
    bare = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    return text if any(line.count("`") % 2 for line in bare.splitlines()) else bare


def _section(line: int, path: str, source: str) -> dict[str, object]:
    """Return the part of a source map for a module whose lines begin at `line` of the bundle."""
    mappings = ";".join(["AAAA", *["AACA"] * source.count("\n")])
    own = {"version": 3, "sources": [path], "sourcesContent": [source], "names": []}
    return {"offset": {"line": line, "column": 0}, "map": {**own, "mappings": mappings}}
