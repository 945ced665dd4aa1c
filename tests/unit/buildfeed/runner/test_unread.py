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


def test_what_finds_no_room_is_a_gap_in_its_place() -> None:
    unread = Unread(most_bytes=4)
    for data, stream in ((b"four", 1), (b"x", 1), (b"yz", 1), (b"z", 2)):
        unread.put(data, stream)
    assert unread.take() == Chunk(1, b"four")
    unread.put(b"more", 1)
    assert taken(unread) == [
        Chunk(1, left_out=3),
        Chunk(2, left_out=1),
        Chunk(1, b"more"),
    ]


def test_a_flood_of_many_small_writes_takes_no_more_room_than_one() -> None:
    unread = Unread(most_bytes=0)
    for _ in range(100_000):
        unread.put(b"x", 1)
    assert taken(unread) == [Chunk(1, left_out=100_000)]
