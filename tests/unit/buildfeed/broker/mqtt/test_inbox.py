"""Work that other threads hand to the thread of a link."""

import pytest

from buildfeed.broker.mqtt.inbox import Inbox


def test_what_is_behind_work_that_fails_is_run_the_next_time() -> None:
    inbox, done = Inbox(), []
    inbox.post(lambda: done.append(1))
    inbox.post(lambda: done.append(1 // 0))
    inbox.post(lambda: done.append(3))
    with pytest.raises(ZeroDivisionError):
        inbox.run()
    inbox.post(lambda: done.append(4))
    assert done == [1]
    inbox.wait(0)
    inbox.run()
    assert done == [1, 3, 4]
    inbox.close()
