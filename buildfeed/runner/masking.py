r"""Secrets in texts of a build, masked before they leave the process: `***` in their place. Pure.

What is masked:

* secret values of the environment, in each of their forms (`secret_values.py`);
* what the expressions of the user match (`--mask`);
* passwords in URLs, headers such as `Authorization`, options and variables of a command line;
* tokens of well-known services and of our own, JSON Web Tokens, private keys (PEM).

Whole lines are masked, after escape sequences were taken away: so neither two reads nor colours
split a secret. A line that was cut may end in a half of one, which no expression finds: a beginning
of a value at its end is masked, and its last word, up to 1024 characters. What was cut, or left out
between two lines, may have held the first line of a private key: in the lines behind it what looks
like a line of a key is masked.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from buildfeed.errors import BuildfeedError
from buildfeed.runner.lines import Line
from buildfeed.runner.secret_values import IN_URL, forms
from buildfeed.secret_kinds import ANY

MASK: Final = "***"
_LONGEST_WORD: Final = 1024
"""Characters that are masked at the end of a cut line."""
_SHORTEST_HALF: Final = 4
"""Characters of a value at the end of a cut line that are taken for its beginning."""
_LONGEST_KEY: Final = 400
"""Lines of a private key: without its end, everything would be masked for ever."""

_OF_KEY: Final = re.compile(
    r"(?:^|(?<=[\s\"']))(?=[a-z0-9+/]*[A-Z])(?=[A-Z0-9+/]*[a-z])"
    r"[A-Za-z0-9+/]{40,}={0,2}(?:\\n)?[\"',]{0,2}\s*$"
)
"""The end of a line that is one of a private key, as far as that can be told without its first."""
_LAST_OF_KEY: Final = re.compile(
    r"\s*(?:=[A-Za-z0-9+/]{4}|(?![a-z]+$|\d+$)[A-Za-z0-9+/]{1,39}={0,2})\s*"
)
"""A line that may be the last one of a private key, if it is behind another."""
_BEGIN_KEY: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END_KEY: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")

_HINTS: Final = (
    *("authorization", "token", "api", "cookie", "bearer"),
    *("password", "passwd", "passphrase", "secret", "access", "-u"),
)
"""What `_AFTER` needs, and most lines have not: it takes long."""
_AFTER: Final = re.compile(
    r"""(?P<before>
        \b(?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?
            (?:(?:basic|bearer|token|digest|negotiate|apikey)\s{1,4})?
        | \b(?:x-api-key|x-auth-token|private-token|job-token|deploy-token|(?:set-)?cookie)
            ["']?:\s{0,4}["']?
        | \bbearer\s{1,4} (?=[\w.~+/=-]{16})
        | (?<!\S)--?(?:[\w-]{1,40}-)?(?:password|passwd|passphrase|token|secret|api-?key)
            [=\s]\s{0,4}(?![-\s])
        | (?<!\S)(?:-u|--user)[=\s]\s{0,4}[^\s:'"]{1,256}:(?=\S)
        | (?<![\w-])\w{0,60}(?:password|passwd|passphrase|token|secret|api_?key|access_?key)=
    )
    (?:"[^"]{1,4096}(?:"|\Z)|'[^']{1,4096}(?:'|\Z)|[^\s"',]{1,4096}(?:(?<=;)\s[^\s"',]{1,4096}){0,64})""",
    re.VERBOSE | re.IGNORECASE,
)
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{16}")
"""What every known token has, and most lines have not: `_KNOWN` takes long."""
_KNOWN: Final = re.compile(
    rf"""(?<![A-Za-z0-9_])(?:
        (?:{ANY})[0-9A-Za-z]{{13,}}
        | gh[oprsu]_[\w.-]{{16,}} | github_pat_\w{{16,}}
        | gl(?:pat|dt|rt|rtr|ft|cbt|ptt|imt|agent|oas|soat)-[\w.=-]{{16,}}
        | (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{12,}}
        | xox[a-z]-[\w-]{{11,}} | xapp-[\w-]{{11,}}
        | npm_[A-Za-z0-9]{{30,}} | pypi-[\w-]{{32,}} | dckr_[a-z]{{2,4}}_[\w-]{{16,}}
        | [rs]k_(?:live|test)_\w{{16,}} | sk-(?:[a-z]{{2,8}}-)?[A-Za-z0-9_-]{{24,}}
        | AIza[\w-]{{30,}} | ya29\.[\w-]{{20,}} | hf_[A-Za-z0-9]{{30,}} | hv[bsr]\.[\w-]{{20,}}
        | SG\.[\w-]{{16,}}\.[\w-]{{16,}} | dop_v1_[0-9a-f]{{32,}}
        | eyJ[\w-]{{10,}}\.[\w-]*(?:\.[\w-]*){{0,4}}
    )
    | (?<=hooks\.slack\.com/services/)[\w/]+""",
    re.VERBOSE,
)


class InvalidMask(BuildfeedError):
    """`expression` cannot be a mask, for `reason`."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"Mask {expression[:80]!r} is refused: {reason}.")
        self.expression = expression
        self.reason = reason


class Masking:
    """What is masked in one build: `environment` is that of its command.

    Raises InvalidMask for an expression that is no regular expression, or matches an empty text.
    """

    def __init__(self, environment: Mapping[str, str], expressions: Iterable[str] = ()) -> None:
        self._forms = sorted(forms(environment), key=len, reverse=True)
        self._values = _any_of(self._forms) if self._forms else None
        self._expressions = [_compiled(expression) for expression in expressions]
        self._key_lines_left = 0
        self._doubtful_lines_left = 0
        self._key_before = False  # the doubtful line before this one was of a key

    def text(self, text: str, *, cut: bool = False) -> str:
        """Return a text of one line, such as a title or a phase, with its secrets masked.

        One that is `cut` may end in the half of a secret.
        """
        text = self._text(text)
        return self._without_half(text) if cut else text

    def skip(self) -> None:
        """Take note that lines were left out: a private key may have begun in them."""
        self._doubtful_lines_left = _LONGEST_KEY
        self._key_before = True

    def _text(self, text: str) -> str:
        if self._values:
            text = self._values.sub(MASK, text)
        for expression in self._expressions:
            text = expression.sub(_mask, text)
        text = _without_key(text)
        if "://" in text:
            text = IN_URL.sub(_mask_after, text)
        lower = text.lower()
        if any(hint in lower for hint in _HINTS):
            text = _AFTER.sub(_mask_after, text)
        return _KNOWN.sub(MASK, text) if _LONG_WORD.search(text) else text

    def line(self, line: Line) -> Line:
        """Return the next line of the output, with its secrets masked."""
        text = line.text
        if self._key_lines_left:
            self._key_lines_left -= 1
            if not (end := _END_KEY.search(text)):
                return replace(line, text=MASK)
            self._key_lines_left = 0
            text = MASK + text[end.end() :]
        elif self._doubtful_lines_left:
            text = self._without_doubt(text)
        begun = _unended_key(text)
        if begun is not None:
            self._key_lines_left = _LONGEST_KEY
            text = text[:begun] + MASK
        text = self.text(text, cut=line.left_out > 0)
        if line.left_out:
            self.skip()
        return line if text == line.text else replace(line, text=text)

    def _without_doubt(self, text: str) -> str:
        """Return a line behind a gap without what may be of a private key that began in it."""
        self._doubtful_lines_left -= 1
        begin = _BEGIN_KEY.search(text)
        if (end := _END_KEY.search(text)) and not (begin and begin.start() < end.start()):
            self._doubtful_lines_left = 0
            return MASK + text[end.end() :]
        was_key, self._key_before = self._key_before, False
        if found := _OF_KEY.search(text):
            self._key_before = True
            return text[: found.start()] + MASK
        return MASK if was_key and _LAST_OF_KEY.fullmatch(text) else text

    def _without_half(self, text: str) -> str:
        """Return the text of a cut line without its last word, and without the half of a value."""
        kept = max(text.rfind(" ") + 1, len(text) - _LONGEST_WORD)
        for form in self._forms:
            begin = form[:_SHORTEST_HALF]
            at = text.find(begin, max(len(text) - len(form), 0))
            while at >= 0 and not form.startswith(text[at:]):
                at = text.find(begin, at + 1)
            if at >= 0:
                kept = min(kept, at)
        return text[:kept] + MASK


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as exc:
        raise InvalidMask(expression, f"it is no regular expression: {exc}") from exc
    if compiled.match(""):
        raise InvalidMask(expression, "it matches an empty text")
    return compiled


def _mask(found: re.Match[str]) -> str:
    return MASK if found[0] else ""


def _mask_after(found: re.Match[str]) -> str:
    return found["before"] + MASK


def _without_key(text: str) -> str:
    """Return a text without the private keys in it."""
    while begin := _BEGIN_KEY.search(text):
        end = _END_KEY.search(text, begin.end())
        text = text[: begin.start()] + MASK + (text[end.end() :] if end else "")
    return text


def _unended_key(text: str) -> int | None:
    """Return where a private key begins that does not end in `text`, None without one."""
    at = 0
    while begin := _BEGIN_KEY.search(text, at):
        if not (end := _END_KEY.search(text, begin.end())):
            return begin.start()
        at = end.end()
    return None


def _any_of(forms: list[str]) -> re.Pattern[str]:
    """Return an expression for all forms, by their first characters: most places fail at once."""
    by_first: dict[str, list[str]] = {}
    for form in forms:
        by_first.setdefault(form[0], []).append(re.escape(form[1:]))
    return re.compile(
        "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_first.items())
    )
