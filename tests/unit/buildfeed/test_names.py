import string
import time
import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed import build_ids, names
from buildfeed.errors import InvalidName

FIRST = string.ascii_lowercase + string.digits
OTHERS = FIRST + "-_"


def test_a_hostile_name_is_refused_and_not_cleaned_up(hostile_name: object) -> None:
    with pytest.raises(InvalidName) as refusal:
        names.check("project", hostile_name)
    assert refusal.value.what == "project"
    assert refusal.value.text is hostile_name


def test_a_hostile_name_is_refused_inside_json(hostile_name: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(hostile_name, names.Name)


def test_the_refusal_of_a_long_name_is_short() -> None:
    with pytest.raises(InvalidName) as refusal:
        names.check("build", "x" * 1_000_000)
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("name", ["a", "0", "acme", "acme-web_2", "0-_", "a" * 64])
def test_a_name_is_returned_as_it_is(name: str) -> None:
    assert names.check("project", name) == name


@given(st.text(OTHERS + "A.*+#/$ \n\0é", max_size=66) | st.text(max_size=5))
def test_a_text_is_a_name_exactly_as_the_contract_says(text: str) -> None:
    allowed = 1 <= len(text) <= 64 and text[0] in FIRST and set(text) <= set(OTHERS)
    assert names.is_name(text) is allowed


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_a_build_id_is_a_uuid_7_and_a_name_and_tells_its_time(now: int, randomness: bytes) -> None:
    build = names.build_id(now, randomness)
    assert names.check("build", build) == uuid.UUID(build).hex
    assert uuid.UUID(build).version == 7
    assert uuid.UUID(build).variant == uuid.RFC_4122
    assert names.build_id_time(build) == now


@given(
    st.integers(0, 2**48 - 2),
    st.binary(min_size=10, max_size=10),
    st.binary(min_size=10, max_size=10),
)
def test_build_ids_sort_by_time(now: int, one: bytes, other: bytes) -> None:
    assert names.build_id(now, one) < names.build_id(now + 1, other)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_randomness_keeps_the_build_ids_of_one_millisecond_apart(one: bytes, other: bytes) -> None:
    def random_bits(randomness: bytes) -> int:
        bits = int.from_bytes(randomness, "big")
        return bits & ~(0xF << 76 | 0b11 << 62)  # those that version and variant do not take

    same = names.build_id(1, one) == names.build_id(1, other)
    assert same is (random_bits(one) == random_bits(other))


@pytest.mark.parametrize(
    "build", ["", "nightly", "0" * 32, "1b4e28ba2fa141d2883fb9b1c0a7f6c3", "g" * 32]
)
def test_a_build_id_that_is_no_uuid_7_tells_no_time(build: str) -> None:
    assert names.build_id_time(build) is None


def test_the_id_of_a_new_build_has_the_time_of_now_and_is_its_own() -> None:
    before = time.time_ns() // 1_000_000
    builds = {build_ids.new() for _ in range(1000)}
    after = time.time_ns() // 1_000_000
    assert len(builds) == 1000
    assert all(before <= (names.build_id_time(build) or 0) <= after for build in builds)


def test_no_token_has_a_name_of_people_of_a_provider() -> None:
    assert names.token("oidc") == "oidc"
    for name in ("oidc-", "oidc-ada"):
        assert names.is_name(name)
        with pytest.raises(InvalidName, match="OpenID provider"):
            names.token(name)
    with pytest.raises(InvalidName, match="no token name"):
        names.token("Oidc-ada")
