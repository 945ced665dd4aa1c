import pytest

from buildfeed.subscribe.retries import FIRST_SECONDS, MAX_SECONDS, pauses


def test_pauses_grow_up_to_the_longest() -> None:
    found = list(pauses(600))
    assert found[:4] == [FIRST_SECONDS, 1, 2, 4]
    assert max(found) == MAX_SECONDS
    assert found[:-1] == sorted(found[:-1])


@pytest.mark.parametrize("patience", [0, 0.1, 1, 10, 600, 86_400])
def test_pauses_take_the_patience_and_no_longer(patience: float) -> None:
    assert sum(pauses(patience)) == pytest.approx(patience)
