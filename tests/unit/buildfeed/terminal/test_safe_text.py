import json

import pytest

from buildfeed.terminal import safe_text


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("plain\tä 漢 👩‍💻\n", "plain\tä 漢 👩‍💻\n"),
        ("\x1b[1;31merror\x1b[0m\x1b[m\n", "\x1b[1;31merror\x1b[0m\x1b[m\n"),
        ("\x1b[38:2::1:2:3mcolour", "\x1b[38:2::1:2:3mcolour"),
        ("\x1b[2Jgone\x1b[10;20Hmoved\x1b[?1049h", "gonemoved"),
        ("\x1b[6n\x1b[c\x1b]11;?\x07asks", "asks"),
        ("\x1b]0;title\x07a\x1b]0;title\x1b\\b\x1b]0;open\nc", "ab\nc"),
        ("\x1bP+q544e\x1b\\dcs\x1b_apc\x1b\\", "dcs"),
        ("\x1b(0\x1bc\x1b7a\x1b", "a"),
        ("\x9b2J\x9d0;t\x9c\x85x", "2J0;tx"),
        ("10 %\r20 %\r\nend\n", "10 %\n20 %\nend\n"),
        ("bell\x07 back\x08 null\x00 delete\x7f", "bell back null delete"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\x1b[31", ""),
        ("\x1b[?25m hidden", " hidden"),
    ],
)
def test_of_output_only_colours_pass(text: str, passed: str) -> None:
    assert safe_text.output(text) == passed


@pytest.mark.parametrize("text", ["ä\u009b2J", "\u202e", "\U000e0001", "plain"])
def test_json_means_the_same_and_is_printable(text: str) -> None:
    told = safe_text.json(json.dumps({"title": text}, ensure_ascii=False))
    assert told.isprintable()
    assert json.loads(told) == {"title": text}
