"""What a file of tokens may say."""

from datetime import UTC, datetime

import pytest

from buildfeed.grants import Grants
from gateway.access.token_entries import Entry, InvalidTokens, parse

HASH = "0123456789abcdef" * 4
ADA = f"""
[ada]
hash = "{HASH}"
grants = ["builder@acme", "operate"]
expires = 2027-01-01T00:00:00Z
"""


def test_an_entry_is_a_token() -> None:
    (entry,) = parse(ADA)
    assert entry == Entry(
        "ada",
        HASH,
        Grants.parse(["builder@acme", "operate"]),
        datetime(2027, 1, 1, tzinfo=UTC),
    )


def test_an_entry_is_read_as_it_is_written() -> None:
    (entry,) = parse(ADA)
    assert parse(str(entry)) == [entry]
    forever = Entry("bob", "f" * 64, Grants.parse(["viewer@*"]))
    assert parse(f"{entry}\n\n{forever}\n") == [entry, forever]


def test_an_empty_file_has_no_tokens() -> None:
    assert parse("") == parse("# nobody yet\n") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[ada", "it is no TOML (at "),
        ("ada = 1", "[ada]: Expected `object`, got `int`"),
        ("[Ada]", "'Ada' is no token name"),
        ("[anonymous]\n", "anonymous is everybody without a token"),
        ("[oidc-ada]\n", "people who come by an OpenID provider"),
        ("[ada]\n", "missing required field `hash`"),
        (ADA.replace("builder@acme", "owner@acme"), "[ada]: Grant 'owner@acme' is refused"),
        (ADA.replace('["builder@acme", "operate"]', '"operate"'), "Expected `array`, got `str`"),
        (ADA.replace("2027-01-01T00:00:00Z", "2027-01-01T00:00:00"), "timezone"),
        (ADA.replace("2027-01-01T00:00:00Z", "2027-01-01"), "got `date`"),
        (ADA + "colour = 1", "unknown field `colour`"),
        (ADA.replace(HASH, HASH[:-1]), "not 64 hexadecimal digits"),
        (ADA.replace(HASH, HASH.upper()), "not 64 hexadecimal digits"),
        (ADA.replace(HASH, "bf_" + "a" * 32), "never the token itself"),
        (ADA + ADA.replace("[ada]", "[bob]"), "ada and bob have the same hash"),
        (ADA + ADA, "it is no TOML"),
    ],
)
def test_what_is_wrong_is_told_without_a_value(text: str, reason: str) -> None:
    with pytest.raises(InvalidTokens) as caught:
        parse(text)
    assert reason in str(caught.value)
    assert "a" * 32 not in str(caught.value)
    assert HASH[:32] not in str(caught.value)
