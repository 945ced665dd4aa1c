from gateway.access.connection_limit import ConnectionLimit


def test_so_many_are_open_and_no_more() -> None:
    limit = ConnectionLimit(2, 0)
    assert [limit.enter(each, "a") for each in "123"] == [None, None, "total"]
    limit.leave("1")
    limit.leave("1")
    limit.leave("3")
    assert limit.open == 1
    assert limit.enter("3", "b") is None


def test_one_address_has_so_many_and_no_more() -> None:
    limit = ConnectionLimit(0, 1)
    assert limit.enter("1", "a") is None
    assert limit.enter("2", "a") == "address"
    assert limit.enter("2", "b") is None
    limit.leave("1")
    assert limit.enter("3", "a") is None


def test_without_an_address_only_the_total_counts() -> None:
    limit = ConnectionLimit(3, 1)
    assert [limit.enter(each, "") for each in "1234"] == [None, None, None, "total"]


def test_what_shares_a_connection_counts_for_its_address_only() -> None:
    limit = ConnectionLimit(1, 2)
    limit.enter("proxy", "")
    assert [limit.enter(each, "a", counts=False) for each in "123"] == [None, None, "address"]
    assert limit.open == 1
    for each in "123":
        limit.leave(each)
    assert limit.open == 1
    assert limit.enter("4", "a", counts=False) is None


def test_nothing_is_kept_of_those_who_have_left() -> None:
    limit = ConnectionLimit(0, 5)
    for each in range(100):
        limit.enter(each, str(each))
        limit.leave(each)
    assert not limit._addresses
    assert not limit._holders
