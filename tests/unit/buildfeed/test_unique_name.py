"""Of processes with one name one stays, whatever the order in which they hear of each other."""

import random

import pytest

from buildfeed import unique_name
from buildfeed.unique_name import GRACE_SECONDS, Hello, Status, UniqueName

DOUBT = 12.0


def newcomer(instance: str = "b") -> UniqueName:
    name = UniqueName(instance, DOUBT)
    assert name.connected() == "hello"
    return name


def holder(instance: str = "b") -> UniqueName:
    name = newcomer(instance)
    assert name.hear_hello(Hello(instance), 0) == "nothing"
    assert name.is_free(GRACE_SECONDS)
    return name


def test_a_name_that_nobody_has_is_free_a_moment_after_the_hello_came_back() -> None:
    name = newcomer()
    assert not name.is_free(100)
    name.hear_hello(Hello("b"), 100)
    assert not name.is_free(100)
    assert name.is_free(100 + GRACE_SECONDS)
    assert name.held


@pytest.mark.parametrize("other", ["a", "c", ""])
def test_a_newcomer_takes_an_answer_for_a_no(other: str) -> None:
    assert newcomer().hear_status(Status("online", other), 0, retained=False) == "taken"


@pytest.mark.parametrize("other", ["a", "c"])
def test_a_holder_answers_a_hello(other: str) -> None:
    assert holder().hear_hello(Hello(other), 1) == "status"


def test_a_retained_status_is_doubted_until_its_will_comes_or_nothing_for_long() -> None:
    for said in (None, Status("offline", "a")):
        name = newcomer()
        assert name.hear_status(Status("online", "a"), 0, retained=True) == "nothing"
        name.hear_hello(Hello("b"), 0)
        assert not name.is_free(DOUBT - 0.1)
        if said:
            name.hear_status(said, 1, retained=False)
        assert name.is_free(1 + GRACE_SECONDS if said else DOUBT)


def test_a_holder_contradicts_who_says_that_it_is_gone() -> None:
    for instance in ("a", "b", "c"):
        assert holder().hear_status(Status("offline", instance), 1, retained=False) == "status"
    assert newcomer().hear_status(Status("offline", "a"), 1, retained=True) == "nothing"


def test_what_it_said_itself_is_no_news() -> None:
    for name in (newcomer(), holder()):
        for retained in (False, True):
            assert name.hear_status(Status("online", "b"), 1, retained=retained) == "nothing"


def test_after_a_reconnect_a_holder_tells_its_status() -> None:
    name = holder()
    assert name.connected() == "status"
    assert name.hear_status(Status("online", "a"), 1, retained=True) == "status"
    assert name.held


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"\xff", b'{"instance": 1}', b"[" * 5000])
def test_what_is_no_hello_and_no_status_says_nothing(payload: bytes) -> None:
    assert unique_name.decode_hello(payload) is None
    assert unique_name.decode_status(payload) is None


class Broker:
    """Delivers what each of several says to all, in the order of each sender only."""

    def __init__(self, names: list[UniqueName], chance: random.Random) -> None:
        self.names = names
        self.ended: set[str] = set()
        self._chance = chance
        self._ways: dict[tuple[str, str], list[Hello | Status]] = {}

    def say(self, sender: UniqueName, reply: str) -> None:
        if reply == "taken":
            self.ended.add(sender.instance)
        elif reply != "nothing":
            said = Hello(sender.instance) if reply == "hello" else Status("online", sender.instance)
            for name in self.names:
                self._ways.setdefault((sender.instance, name.instance), []).append(said)

    def run(self, now: float) -> None:
        while ways := [way for way, said in self._ways.items() if said]:
            way = self._chance.choice(ways)
            said = self._ways[way].pop(0)
            to = next(each for each in self.names if each.instance == way[1])
            if to.instance in self.ended:
                continue
            reply = (
                to.hear_hello(said, now)
                if isinstance(said, Hello)
                else to.hear_status(said, now, retained=False)
            )
            self.say(to, reply)


@pytest.mark.parametrize("seed", range(50))
def test_of_several_at_once_exactly_one_stays(seed: int) -> None:
    chance = random.Random(seed)
    names = [UniqueName(f"{n}", DOUBT) for n in range(chance.randint(2, 5))]
    broker = Broker(names, chance)
    for name in names:
        broker.say(name, name.connected())
        if chance.random() < 0.3:
            broker.run(0)
    broker.run(0)
    left = [name for name in names if name.instance not in broker.ended]
    assert len(left) == 1
    assert left[0].is_free(GRACE_SECONDS)


@pytest.mark.parametrize("seed", range(20))
def test_of_several_holders_exactly_one_stays(seed: int) -> None:
    chance = random.Random(seed)
    names = [holder(f"{n}") for n in range(chance.randint(2, 5))]
    chance.shuffle(names)
    broker = Broker(names, chance)
    for name in names:
        broker.say(name, name.connected())
    broker.run(1)
    assert len(names) - len(broker.ended) == 1
