"""The bounded memory of a worker."""

from buildfeed.recent import Recent


def test_the_oldest_is_forgotten_when_it_is_full() -> None:
    recent: Recent[int] = Recent(size=2)

    for n in range(3):
        recent.put(("acme", str(n)), n)

    assert [recent.get(("acme", str(n))) for n in range(3)] == [None, 1, 2]


def test_what_is_put_in_again_is_new_again() -> None:
    recent: Recent[int] = Recent(size=2)

    for build in ("a", "b", "a", "c"):
        recent.put(("acme", build), 0)

    assert ("acme", "a") in recent
    assert ("acme", "b") not in recent
