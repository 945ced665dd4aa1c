"""Which bytes a header `Range` asks for (RFC 9110 §14.1.2)."""

import pytest

from gateway.http.byte_ranges import Unsatisfiable, asked


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-499", (0, 500)),
        ("bytes=500-999", (500, 1000)),
        ("bytes=9500-", (9500, 10_000)),
        ("bytes=-500", (9500, 10_000)),
        ("bytes=-20000", (0, 10_000)),
        ("bytes=0-99999", (0, 10_000)),
        ("BYTES = 1-1", (1, 2)),
    ],
)
def test_a_range_is_of_bytes(header: str, span: tuple[int, int]) -> None:
    assert asked(header, 10_000) == span


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes=", "bytes=-", "bytes=2-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "0-1"],
)
def test_anything_else_is_ignored(header: str | None) -> None:
    assert asked(header, 10_000) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_a_range_without_a_byte_is_refused(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        asked(header, size)
