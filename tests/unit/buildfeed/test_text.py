import sys

from buildfeed.text import printable


def test_a_printable_text_stays() -> None:
    assert printable("straße 北 'a' \\x1b") == "straße 北 'a' \\x1b"


def test_what_has_no_look_or_turns_the_rest_is_escaped() -> None:
    assert printable("a\x1b[31m\n\u202eb\x9b\ud83d\u2028") == r"a\x1b[31m\n\u202eb\x9b\ud83d\u2028"


def test_it_is_printable_whatever_it_was() -> None:
    assert printable("".join(map(chr, range(sys.maxunicode + 1)))).isprintable()
