"""Entity tags: who has the content already."""

import pytest
from starlette.datastructures import Headers

from gateway.http import etags

TAG = etags.tag(b"picture")


def test_other_content_has_another_tag() -> None:
    assert etags.tag(b"picture") == TAG != etags.tag(b"other")
    assert TAG.startswith('"')


@pytest.mark.parametrize("named", [TAG, f"W/{TAG}", f'"other", {TAG}', "*"])
def test_one_that_is_named_is_known(named: str) -> None:
    assert etags.is_known(TAG, Headers({"if-none-match": named}))


@pytest.mark.parametrize("named", ["", '"other"', TAG.strip('"')])
def test_one_that_is_not_named_is_not_known(named: str) -> None:
    assert not etags.is_known(TAG, Headers({"if-none-match": named}))
    assert not etags.is_known(TAG, Headers({}))
