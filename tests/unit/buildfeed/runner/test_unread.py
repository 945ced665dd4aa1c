from buildfeed.runner.unread import Chunk, Unread


def taken(unread: Unread) -> list[Chunk]:
    return list(iter(unread.take, None))


def test_chunks_are_taken_in_their_order() -> None:
    unread = Unread()
    unread.put(b"one", 1)
    unread.put(b"two", 2)
    unread.wait(0)
    assert taken(unread) == [Chunk(1, b"one"), Chunk(2, b"two")]
    assert unread.take() is None


def test_where_there_is_no_room_the_oldest_is_a_gap_in_its_place() -> None:
    unread = Unread(most_bytes=4)
    for data, stream in ((b"old", 1), (b"x", 1), (b"yz", 1), (b"z", 2)):
        unread.put(data, stream)
    assert unread.take() == Chunk(1, left_out=3)
    unread.put(b"end", 1)
    assert taken(unread) == [Chunk(1, left_out=3), Chunk(2, b"z"), Chunk(1, b"end")]


def test_each_stream_has_a_gap_of_its_own() -> None:
    unread = Unread(most_bytes=2)
    for data, stream in ((b"a", 1), (b"bb", 2), (b"ccc", 1)):
        unread.put(data, stream)
    gaps = sorted(taken(unread), key=lambda each: each.stream)
    assert gaps == [Chunk(1, left_out=4), Chunk(2, left_out=2)]


def test_a_flood_of_many_small_writes_takes_no_more_room_than_one() -> None:
    unread = Unread(most_bytes=0)
    for _ in range(100_000):
        unread.put(b"x", 1)
    assert taken(unread) == [Chunk(1, left_out=100_000)]


def test_of_what_waits_only_the_end_is_kept_when_nobody_has_the_time() -> None:
    unread = Unread()
    for data, stream in ((b"four", 1), (b"err", 2), (b"end", 1)):
        unread.put(data, stream)
    unread.shorten(6)
    assert taken(unread) == [Chunk(1, left_out=4), Chunk(2, b"err"), Chunk(1, b"end")]
    unread.put(b"all", 1)
    unread.shorten(3)
    assert taken(unread) == [Chunk(1, b"all")]
