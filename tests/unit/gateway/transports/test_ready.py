"""The descriptors of connections: given while each may be written without a look at it."""

from gateway.transports.ready import Ready
from support.builders import start
from support.wired import Site


async def test_all_that_are_ready_are_given_in_order() -> None:
    site = Site()
    connections = [(await site.connect()).connection for _ in range(3)]

    assert Ready(connections).descriptors == [each.fd for each in connections]


async def test_one_that_takes_nothing_has_to_be_looked_at() -> None:
    site = Site()
    clients = [await site.connect() for _ in range(2)]
    ready = Ready([client.connection for client in clients])
    assert len(ready.descriptors) == 2

    clients[1].connection.paused()
    assert not ready.descriptors
    clients[1].connection.resumed()
    assert len(ready.descriptors) == 2


async def test_one_of_tls_has_no_descriptor_to_write_to() -> None:
    site = Site()
    connections = [(await site.connect()).connection for _ in range(2)]
    connections[1].fd = -1

    assert not Ready(connections).descriptors


async def test_one_that_has_left_is_kept_by_no_list() -> None:
    site = Site()
    client = await site.connect({"watch": "builds/#"})
    await site.receive(start())
    assert site.transport._fan_out._ready

    site.transport.server.lost(client.connection)

    assert not site.transport._fan_out._ready
