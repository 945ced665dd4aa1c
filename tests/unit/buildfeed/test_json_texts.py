"""JSON texts in a stream, however they are printed and however the stream is cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.json_texts import MOST, Splitter

values = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), values, max_size=4)


def split(data: bytes, cuts: list[int] | None = None) -> list[tuple[int, bytes]]:
    splitter = Splitter()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    found = [text for a, b in pairwise(places) for text in splitter.feed(data[a:b])]
    return [(text.line, text.payload) for text in [*found, *splitter.end()]]


@given(
    found=st.lists(objects, max_size=5),
    indent=st.sampled_from([None, 0, 2]),
    in_array=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    ascii_=st.booleans(),
    cuts=st.lists(st.integers(0, 10_000), max_size=10),
)
def test_every_text_is_found(  # noqa: PLR0917 - one for each way to print
    found: list[object],
    indent: int | None,
    in_array: bool,  # noqa: FBT001
    newline: str,
    mark: bool,  # noqa: FBT001
    ascii_: bool,  # noqa: FBT001
    cuts: list[int],
) -> None:
    printed = [json.dumps(each, indent=indent, ensure_ascii=ascii_) for each in found]
    text = json.dumps(found, indent=indent, ensure_ascii=ascii_) if in_array else "\n".join(printed)
    text = text.replace("\n", newline)
    data = (b"\xef\xbb\xbf" if mark else b"") + text.encode("utf-8", "replace")
    texts = split(data, cuts)
    assert [json.loads(payload) for _, payload in texts] == [
        json.loads(each.encode("utf-8", "replace")) for each in printed
    ]
    for line, payload in texts:
        assert text.split("\n")[line - 1].lstrip(" [\ufeff").startswith(payload.decode()[:1])


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_give_the_same_texts_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    assert split(data, cuts) == split(data)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"", []),
        (b"\xef\xbb\xbf \r\n\0", []),
        (b"[]", []),
        (b'{"a": 1}{"b": 2}', [(1, b'{"a": 1}'), (1, b'{"b": 2}')]),
        (b'{"a": 1},\n{"b": 2},\n', [(1, b'{"a": 1}'), (2, b'{"b": 2}')]),
        (b'\x1e{"a": 1}\n\x1e{"b": 2}\n', [(1, b'{"a": 1}'), (2, b'{"b": 2}')]),
        (b'hello\n{"b": 2}', [(1, b"hello"), (2, b'{"b": 2}')]),
        (b'{"a": "cut\n{"b": 2}\n', [(1, b'{"a": "cut'), (2, b'{"b": 2}')]),
        (b'{"a": [1\n{"b": 2}\n', [(1, b'{"a": [1'), (2, b'{"b": 2}')]),
        (b'{"a": "line\nline"}\n{}', [(1, b'{"a": "line\nline"}'), (3, b"{}")]),
        (b'[1, "x"\n, {}]', [(1, b'1, "x"'), (2, b"{}")]),
        (b'{"a": "\\"}"}', [(1, b'{"a": "\\"}"}')]),
        (b"}\n{}", [(1, b"}"), (2, b"{}")]),
        (b'{\n"a":\n{\n}}', [(1, b'{\n"a":\n{\n}}')]),
        (b'{"a"', [(1, b'{"a"')]),
    ],
)
def test_broken_texts_cost_no_further_ones(data: bytes, texts: list[tuple[int, bytes]]) -> None:
    assert split(data) == texts


def test_of_a_text_without_end_little_is_kept() -> None:
    splitter = Splitter()
    for _ in range(8):
        assert not list(splitter.feed(b"{" + b'"a":' * 100_000))
    (text,) = splitter.end()
    assert len(text.payload) < 2 * MOST
