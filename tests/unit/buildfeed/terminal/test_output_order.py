from typing import Any

from buildfeed.terminal.output_order import OutputOrder, Piece


def piece(seq: int, content: str = "x\n", attempt: int = 1, **more: Any) -> Piece:
    return Piece(project="acme", build="01a1", attempt=attempt, seq=seq, content=content, **more)


def test_each_piece_is_written_once_and_in_order() -> None:
    order = OutputOrder()
    assert order.take(piece(1, "a\n")) == "a\n"
    assert order.take(piece(3, "b\n")) == "b\n"
    assert order.take(piece(1, "a\n")) == order.take(piece(3, "b\n")) == ""
    assert order.take(piece(2, "late\n")) == ""
    assert order.take(piece(1, "again\n", attempt=2)) == "again\n"
    assert order.take(piece(9, "of the lost attempt\n")) == ""


def test_before_the_first_piece_of_a_connection_some_may_be_missing() -> None:
    order = OutputOrder()
    assert order.lacks(piece(5))
    order.take(piece(5))
    assert order.lacks(piece(6))
    order.trust()
    assert not order.lacks(piece(6))
    order.doubt()
    assert order.lacks(piece(7))
    assert not order.lacks(piece(5))


def test_a_gap_shows_by_the_offset() -> None:
    order = OutputOrder()
    order.take(piece(1, "ä\n", offset=0))
    order.trust()
    assert not order.lacks(piece(2, offset=3))
    assert order.lacks(piece(4, offset=30))
    assert not order.lacks(piece(4))
    assert not order.lacks(piece(0, attempt=2, offset=0))
    assert order.lacks(piece(0, attempt=2, offset=9))
