"""Sessions of the embedded broker that lose no QoS 1 message: amqtt's, repaired.

QoS 1 means at least once: an acknowledgement takes over the duty to deliver the message. amqtt
0.12.1 acknowledges a message when it is in a queue of its connection, and drops that queue when the
connection ends. To a subscriber it sends all messages at once. It forgets those that are not
acknowledged within 5 s, or under way when the connection breaks. From Python 3.12 on, its reader
gives other tasks no turn between two packets: of 500 messages that were sent and acknowledged
before a DISCONNECT, 9 to 73 arrived.

Here a message is acknowledged after it is in the queue of every session that subscribes to it. A
message that was sent stays in its session until the client acknowledges it; a new connection sends
it again, first. At most `WINDOW` are unacknowledged. The order within a session is kept.

Relied on in amqtt, beside its documented interface:

* A message from a client is put into its `Session.delivered_message_queue` before the PUBACK.
* `Session.retained_messages` and `inflight_out` are ours, once the methods below are overridden:
  amqtt uses them only to choose `next_packet_id`.
* `Session.transitions` has the state "connected".
* `asyncio.Queue` keeps its items by `_put` and `_get`, as its documented subclasses do.
* `ProtocolHandler._send_packet` sends every packet, and turns a cancellation into a
  ProtocolHandlerError; `_retry_deliveries` is called when a connection begins.
* The methods of `Broker` and `BrokerProtocolHandler` that are overridden here, and of `Broker`
  also `_handle_subscription` and `_handle_unsubscription`, which await a future with the packet,
  `_topic_filtering`, `_matches`, `_delete_session`, and `_del_subscription` below all that ends a
  subscription. `retain_message` is called for wills too.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from amqtt.broker import Action, Broker
from amqtt.contexts import BrokerConfig
from amqtt.errors import ProtocolHandlerError
from amqtt.mqtt.protocol.broker_handler import (
    BrokerProtocolHandler,
    Subscription,
    UnSubscription,
)
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.session import ApplicationMessage, OutgoingApplicationMessage, Session

from buildfeed.broker.amqp.topology import SESSION_MAX_BYTES, SESSION_MAX_LENGTH
from buildfeed.broker.local.users import Account
from buildfeed.broker.mqtt.outbox import WINDOW

log = logging.getLogger(__name__)

_CONNECTED: Final = "connected"
_REFUSED: Final = 0x80
"""In a SUBACK (MQTT 3.1.1 §3.9.3)."""
_QOS_2: Final = 2
MAX_UNRELEASED: Final = WINDOW
"""Messages of QoS 2 of one session that its client has not released (PUBREL): amqtt keeps each."""
_PRESENCES: Final = "workers/"
"""How the topics of presences begin."""


class LosslessBroker(Broker):  # type: ignore[misc]  # amqtt is not typed
    """A broker whose sessions have queues, of up to `SESSION_MAX_LENGTH` messages each.

    Its clients have logged in before they get here. `accounts` are those who may have, by their
    names; somebody who is in it no more may do nothing more.
    """

    def __init__(self, config: BrokerConfig, accounts: Mapping[str, Account]) -> None:
        super().__init__(config)
        self._accounts = accounts
        self._filters: dict[str, set[str]] = {}
        """The filters of each session, by its client id."""

    def owner(self, client_id: str) -> str | None:
        """Return the name of the user who has a session of this client id, None if nobody has."""
        session, _ = self.sessions.get(client_id, (None, None))
        return session.username if session else None

    def durable_sessions(self, name: str) -> set[str]:
        """Return the client ids of the sessions of a user that are not clean, here or away."""
        return {
            client_id
            for client_id, (session, _) in self.sessions.items()
            if session.username == name and not session.clean_session
        }

    async def forget(self, name: str) -> None:
        """Delete the sessions of a user whose connections have ended, and what waits in them."""
        for client_id, (session, _) in list(self.sessions.items()):
            if session.username == name:
                await self._delete_session(client_id)

    async def _authenticate(self, *_: Any) -> bool:  # noqa: ANN401
        return True

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        account = self._accounts.get(session.username)
        if account is None:  # the token of this connection, which is being closed, was revoked
            return False
        if action is Action.PUBLISH:
            return account.may_publish(topic)
        return account.may_subscribe(topic)

    async def _initialize_client_session(self, *connection: Any) -> tuple["_Handler", Session]:  # noqa: ANN401
        _, session = await super()._initialize_client_session(*connection)
        # A will that its client may not publish is ignored, as RabbitMQ does it.
        if session.will_flag and not await self._may_publish(session, session.will_topic):
            session.will_flag = False
        return _Handler(self, session), session

    async def _may_publish(self, session: Session, topic: str) -> bool:
        """Tell whether MQTT and the rights of its user allow a client this topic.

        See MQTT 3.1.1 §4.7, §3.3.2.1.
        """
        if not topic or "#" in topic or "+" in topic or topic.startswith("$"):
            return False
        return await self._topic_filtering(session, topic=topic, action=Action.PUBLISH)

    async def receive(self, session: Session, message: ApplicationMessage) -> bool:
        """Queue a client's message for its subscribers; False if it may not publish there.

        In place of amqtt's, which drops the QoS.
        """
        topic = message.topic
        if not await self._may_publish(session, topic):
            return False
        await self._broadcast_message(session, topic, message.data, message.qos)
        if message.retain:
            await self.retain_message(session, topic, message.data, message.qos)
        return True

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        """Keep a message for those who subscribe later, or forget one, if its sender may do that.

        Somebody with a token may for the presence of runners, and only of so many: what is retained
        stays for as long as the broker.
        """
        account = source_session and self._accounts.get(source_session.username)
        if account and account.most.retained is not None:
            topic = topic_name or ""
            if not topic.startswith(_PRESENCES):
                return
            kept = sum(
                each.startswith(_PRESENCES) and account.may_publish(each)
                for each in self._retained_messages
            )
            if data and topic not in self._retained_messages and kept >= account.most.retained:
                return
        await super().retain_message(source_session, topic_name, data, qos)

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        """Subscribe a session to a filter; return the granted QoS, 0x80 for a refusal."""
        account = self._accounts.get(session.username)
        filters = self._filters.setdefault(session.client_id, set())
        most = account.most.filters if account else 0
        if most is not None and len(filters | {subscription[0]}) > most:
            return _REFUSED
        granted: int = await super().add_subscription(subscription, session)
        if granted != _REFUSED:
            filters.add(subscription[0])
        return granted

    def _del_subscription(self, a_filter: str, session: Session) -> int:
        self._filters.get(session.client_id, set()).discard(a_filter)
        deleted: int = super()._del_subscription(a_filter, session)
        return deleted

    async def _del_all_subscriptions(self, session: Session) -> None:
        await super()._del_all_subscriptions(session)
        self._filters.pop(session.client_id, None)

    async def subscribe(
        self, session: Session, handler: "_Handler", subscription: Subscription
    ) -> None:
        """Add the subscriptions of a SUBSCRIBE, and answer it."""
        await self._handle_subscription(session, handler, _completed(subscription))

    async def unsubscribe(
        self, session: Session, handler: "_Handler", unsubscription: UnSubscription
    ) -> None:
        """Remove the subscriptions of an UNSUBSCRIBE, and answer it."""
        await self._handle_unsubscription(session, handler, _completed(unsubscription))
        for filter_ in unsubscription.topics:  # else a client could leave any number behind
            if not self._subscriptions.get(filter_, True):
                del self._subscriptions[filter_]

    async def _broadcast_message(
        self,
        _source: Session | None,
        topic: str,
        data: bytes | bytearray,
        force_qos: int | None = None,
    ) -> None:
        """Queue a message for every session that subscribes to its topic.

        Its QoS is the lower of those of publish and subscription (MQTT 3.1.1 §3.8.4).
        """
        for filter_, subscriptions in self.subscriptions.items():
            if self._matches(topic, filter_):
                for session, granted in subscriptions:
                    qos = granted if force_qos is None else min(granted, force_qos)
                    _enqueue(session, OutgoingApplicationMessage(None, topic, qos, data, False))

    async def _publish_session_retained_messages(self, _session: Session) -> None:
        """Do nothing: the queue of a session is sent by its handler."""

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Queue the retained messages of a filter, only if `session` subscribes to it.

        Without an await: amqtt calls it for each filter there is, and others may come meanwhile.
        """
        filter_, qos = subscription
        subscribers = self.subscriptions.get(filter_, ())
        if not any(subscriber.client_id == session.client_id for subscriber, _ in subscribers):
            return
        for topic, kept in self._retained_messages.items():
            if self._matches(topic, filter_):
                lower = min(qos, kept.qos or qos)
                _enqueue(session, OutgoingApplicationMessage(None, topic, lower, kept.data, True))


class _Handler(BrokerProtocolHandler):  # type: ignore[misc]  # amqtt is not typed
    """One connection of a session: receives the client's messages, and sends it the queued ones."""

    def __init__(self, broker: LosslessBroker, session: Session) -> None:
        super().__init__(broker.plugins_manager)
        self._broker = broker
        session.delivered_message_queue = _Received(broker, session, self)
        if not isinstance(session.retained_messages, _Outgoing):
            session.retained_messages = _Outgoing()
        self._acknowledged = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await super().start()
        self._sender = asyncio.create_task(self._send_queued(self.session))

    async def stop(self) -> None:
        if self._sender:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        await super().stop()

    async def close(self) -> None:
        """End the connection at once: what amqtt still sends, as a PUBACK, is dropped."""
        await self.writer.close()
        await self.handle_connection_closed()

    async def mqtt_publish(
        self,
        topic: str,
        data: bytes | bytearray,
        qos: int | None,
        retain: bool,  # noqa: FBT001 - amqtt's signature
        ack_timeout: int | None = None,  # noqa: ARG002
    ) -> OutgoingApplicationMessage:
        """Queue a message; amqtt waits here until it is acknowledged."""
        message = OutgoingApplicationMessage(None, topic, qos, data, retain)
        _enqueue(self.session, message)
        return message

    async def handle_subscribe(self, subscribe: SubscribePacket) -> None:
        # Done at once: in amqtt's loop a later PUBLISH could overtake it.
        wanted = Subscription(subscribe.variable_header.packet_id, subscribe.payload.topics)
        await self._broker.subscribe(self.session, self, wanted)

    async def handle_unsubscribe(self, unsubscribe: UnsubscribePacket) -> None:
        unwanted = UnSubscription(unsubscribe.variable_header.packet_id, unsubscribe.payload.topics)
        await self._broker.unsubscribe(self.session, self, unwanted)

    async def handle_publish(self, publish_packet: PublishPacket) -> None:
        """Take a message; close the connection of a client that leaves too many unreleased."""
        kept, number = self.session.inflight_in, publish_packet.packet_id
        if publish_packet.qos == _QOS_2 and len(kept | {number: None}) > MAX_UNRELEASED:
            log.info("embedded.too_many_unreleased", extra={"client": self.session.client_id})
            await self.close()
            return
        await super().handle_publish(publish_packet)

    async def _handle_qos0_message_flow(self, message: ApplicationMessage) -> None:
        # As at QoS 1: with amqtt's `put_nowait` a later message could overtake this one.
        await self.session.delivered_message_queue.put(message)

    async def handle_puback(self, puback: PubackPacket) -> None:
        self.session.inflight_out.pop(puback.variable_header.packet_id, None)
        self._acknowledged.set()

    async def _retry_deliveries(self) -> None:
        """Do nothing: the sender begins with the messages that are still unacknowledged."""

    async def _send_queued(self, session: Session) -> None:
        for message in list(session.inflight_out.values()):
            await self._send(session, message, dup=True)
        while True:
            while len(session.inflight_out) >= WINDOW:
                self._acknowledged.clear()
                await self._acknowledged.wait()
            message = await session.retained_messages.get()
            if message.qos:  # no await until it is in flight: a cancellation there would lose it
                message.packet_id = session.next_packet_id
                session.inflight_out[message.packet_id] = message
            await self._send(session, message)

    async def _send(
        self, session: Session, message: OutgoingApplicationMessage, *, dup: bool = False
    ) -> None:
        """Send a message. One that cannot be sent is dropped: else nothing behind it would be."""
        try:
            await self._send_packet(message.build_publish_packet(dup=dup))
        except Exception:
            log.exception("mqtt.handler_failed", extra={"client": session.client_id})
            session.inflight_out.pop(message.packet_id, None)

    async def _send_packet(self, packet: Any) -> None:  # noqa: ANN401 - any of amqtt's packets
        try:
            await super()._send_packet(packet)
        except OSError:
            await self.handle_connection_closed()
        except ProtocolHandlerError as exc:
            # amqtt made it of a cancellation, which must go on as one.
            raise asyncio.CancelledError from exc


class _Received(asyncio.Queue[ApplicationMessage]):
    """The queue that amqtt puts a client's messages into, each before it is acknowledged.

    It hands every message on at once, so it is always empty.
    """

    def __init__(self, broker: LosslessBroker, session: Session, handler: _Handler) -> None:
        super().__init__()
        self._broker = broker
        self._session = session
        self._handler = handler

    async def put(self, message: ApplicationMessage) -> None:
        """Hand a message on; close the connection if the client may not publish on its topic."""
        if not await self._broker.receive(self._session, message):
            await self._handler.close()


class _Outgoing(asyncio.Queue[OutgoingApplicationMessage]):
    """The messages that wait for a client. A full one drops its oldest, as RabbitMQ's does."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0

    def _put(self, item: OutgoingApplicationMessage) -> None:
        super()._put(item)
        self._bytes += _size(item)
        while self._bytes > SESSION_MAX_BYTES or self.qsize() > SESSION_MAX_LENGTH:
            self._get()

    def _get(self) -> OutgoingApplicationMessage:
        item = super()._get()
        self._bytes -= _size(item)
        return item


def _size(message: OutgoingApplicationMessage) -> int:
    return len(message.topic) + len(message.data or b"")


def _completed(value: Any) -> "asyncio.Future[Any]":  # noqa: ANN401 - amqtt takes results of tasks
    done: asyncio.Future[Any] = asyncio.Future()
    done.set_result(value)
    return done


def _enqueue(session: Session, message: OutgoingApplicationMessage) -> None:
    """Queue `message` for `session`; drop it if the client is away and it need not be kept."""
    away = session.transitions.state != _CONNECTED
    if away and (session.clean_session or not message.qos):
        return
    session.retained_messages.put_nowait(message)
