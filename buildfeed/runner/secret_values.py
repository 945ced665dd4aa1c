"""Which values of the environment are secret, and what they look like where they are printed. Pure.

Secret are the values of variables whose names look so, and passwords in URLs of any variable. Each
line of a value with several lines is one. Values that stay, as masking them would make holes in
every other line and hide nothing:

* shorter than 8 characters: such a text stands in other words by chance;
* numbers, `true` and other words of settings (`_WORDS`);
* paths: parts of lower-case words after slashes. A random secret with a slash is none.
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

from buildfeed import documents

SHORTEST: Final = 8
"""Characters of the shortest value that is masked."""
_SECRET_NAME: Final = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|KEYS?(?:_|$)|AUTH(?!OR)|COOKIE|PRIVATE"
    r"|(?:^|_)(?:PASS|PAT|DSN)(?:_|$)|_PWD$|^PGPASS|SIGNATURE|CONNECTION_?STRING|WEBHOOK",
    re.IGNORECASE,
)
_NO_SECRET_NAME: Final = re.compile(r"(?:_FILE|_PATH|_DIR|_SOCK|_SOCKET)$", re.IGNORECASE)
_WORDS: Final = frozenset(
    {
        *("anonymous", "automatic", "changeme", "development", "disabled", "external", "internal"),
        *("interactive", "kerberos", "keyboard-interactive", "keychain", "libsecret", "localhost"),
        *("manager-core", "negotiate", "optional", "osxkeychain", "password", "personal"),
        *("production", "readonly", "required", "standard", "undefined", "username"),
    }
)
_NUMBER: Final = re.compile(r"[-+]?[\d.,:_-]+%?")
_PATH_PART: Final = re.compile(r"[A-Z]?[a-z0-9._@+-]*|[A-Z0-9_.-]*")
_PATH_BEGIN: Final = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:)?[\\/]")
IN_URL: Final = re.compile(
    r"(?P<before>://(?:[^\s/:@]{0,256}:(?=[^\s/])|(?=[^\s/:@]{20,1024}@)))"
    r"(?P<password>[^\s/]{1,1024})(?=@)"
)
"""Passwords in URLs, and long tokens in place of a user."""


def forms(environment: Mapping[str, str]) -> set[str]:
    """Return what the secret values look like: plain, as in JSON, in URLs, and in base64."""
    found = set()
    for value in map(documents.whole, _values(environment)):
        found |= {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
        quoted = quote(value, safe=""), quote(value), quote_plus(value)
        found |= {*quoted, *(re.sub("%..", lambda code: code[0].lower(), each) for each in quoted)}
        data = value.encode()
        for encode in (b64encode, urlsafe_b64encode):
            found |= {encode(data).decode().rstrip("=")}
            for before in range(3):
                # As a part of a longer base64: only the characters that no neighbour changes.
                encoded = encode(bytes(before) + data).decode()
                first, last = (before * 8 + 5) // 6, (before + len(data)) * 8 // 6
                found |= {encoded[first:last]}
    return {form for form in found if len(form) >= SHORTEST}


def _values(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the values that are secret."""
    for name, whole in environment.items():
        found = [match["password"] for match in IN_URL.finditer(whole)]
        if _SECRET_NAME.search(name) and not _NO_SECRET_NAME.search(name):
            found += [line for line in whole.splitlines() if not line.startswith("-----")]
        yield from (value for each in found if not _is_ordinary(value := each.strip()))


def _is_ordinary(value: str) -> bool:
    """Tell whether a value stays, though its name looks secret."""
    if len(value) < SHORTEST or value.lower() in _WORDS or _NUMBER.fullmatch(value):
        return True
    if not (begin := _PATH_BEGIN.match(value)):
        return False
    return all(_PATH_PART.fullmatch(part) for part in re.split(r"[\\/:]", value[begin.end() :]))
