"""Refusals in the log: limited in rate, each kind by itself."""

from collections import Counter

import pytest

from gateway.access.access import Access
from gateway.access.refusals import Refusals


async def test_many_of_one_kind_do_not_hide_another(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(Access([]))
    for number in range(200):
        page = f"https://site{number}.example"
        assert refusals.of(["127.0.0.1"], [page], "192.0.2.7", acts=True)
    assert refusals.of(["builds.example"], [], "192.0.2.8", acts=False)
    logged = Counter(vars(each)["problem"] for each in caplog.records)
    assert logged == {"foreign-origin": 20, "foreign-host": 1}
