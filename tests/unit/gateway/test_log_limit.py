from gateway.log_limit import LogLimit


def test_a_fact_is_told_once_a_minute_with_how_many_were_left_out() -> None:
    limit = LogLimit(5)
    assert limit.take("a", 0) == 0
    assert [limit.take("a", now) for now in (1, 30, 59.9)] == [None] * 3
    assert limit.take("b", 59.9) == 3
    assert limit.take("a", 60) == 0


def test_many_facts_neither_fill_the_log_nor_the_memory() -> None:
    limit = LogLimit(5)
    told = [limit.take(f"host-{number}", number / 100) for number in range(1000)]
    assert told.count(None) == 995
    assert len(limit._passed) == 5
    assert limit.take("new", 61) == 995
