"""Sessions of the embedded broker that lose nothing of QoS 1: amqtt's, mended.

amqtt 0.12.1 acknowledges a message when it is in a queue of its connection, and throws that queue
away when the connection ends; it sends a subscriber everything at once and forgets what is not
acknowledged within 5 s, or is under way when the connection breaks. From Python 3.12 on a reader
no longer gives way to other tasks between two packets, so of 500 messages that were sent, and
acknowledged, before a DISCONNECT 9 to 73 arrived.

Here a message is in the queue of every session that it is for before it is acknowledged, and one
that was sent stays in its session until it is acknowledged. Order within a session is kept.

Relied on in amqtt, beside what it documents:

* What a client publishes is put into `Session.delivered_message_queue` before its PUBACK. Of its
  `retained_messages` and `inflight_out` amqtt itself reads only `next_packet_id` once the methods
  below are overridden. `transitions` has the state "connected".
* `ProtocolHandler._send_packet` sends every packet, and turns a cancellation into a
  ProtocolHandlerError; `_retry_deliveries` is called when a connection begins.
* The methods of `Broker` and `BrokerProtocolHandler` that are overridden here, and of `Broker`
  also `_handle_subscription` and `_handle_unsubscription`, which await a future with the packet,
  `_topic_filtering`, `_matches`, and `_get_handler`: the newest handler of a client id.
"""

import asyncio
import logging
from typing import Any, Final

from amqtt.broker import Action, Broker
from amqtt.errors import ProtocolHandlerError
from amqtt.mqtt.protocol.broker_handler import (
    BrokerProtocolHandler,
    Subscription,
    UnSubscription,
)
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.session import ApplicationMessage, OutgoingApplicationMessage, Session

from buildfeed.broker.amqp.topology import SESSION_MAX_LENGTH
from buildfeed.broker.mqtt.outbox import WINDOW

log = logging.getLogger(__name__)

_CONNECTED: Final = "connected"


class LosslessBroker(Broker):  # type: ignore[misc]  # amqtt is not typed
    """A broker whose sessions queue what they are to get: `SESSION_MAX_LENGTH` messages each."""

    async def _initialize_client_session(self, *connection: Any) -> tuple["_Handler", Session]:  # noqa: ANN401
        _, session = await super()._initialize_client_session(*connection)
        return _Handler(self, session), session

    async def _handle_disconnect(
        self, session: Session, handler: "_Handler", waiter: "asyncio.Future[Any]"
    ) -> None:
        """End a connection; its session stays connected if a newer connection has it by now."""
        await super()._handle_disconnect(session, handler, waiter)
        if self._get_handler(session) is not handler:
            be_connected(session)

    async def receive(self, session: Session, message: ApplicationMessage) -> bool:
        """Queue what a client published for those it is for; False if MQTT forbids its topic.

        As amqtt's, which forgets the QoS (MQTT 3.1.1 §4.7, §3.3.2.1).
        """
        topic = message.topic
        if not topic or "#" in topic or "+" in topic or topic.startswith("$"):
            return False
        if await self._topic_filtering(session, topic=topic, action=Action.PUBLISH):
            await self._broadcast_message(session, topic, message.data, message.qos)
            if message.retain:
                await self.retain_message(session, topic, message.data, message.qos)
        return True

    async def subscribe(
        self, session: Session, handler: "_Handler", subscription: Subscription
    ) -> None:
        """Add the subscriptions of a SUBSCRIBE, and answer it."""
        await self._handle_subscription(session, handler, _done(subscription))

    async def unsubscribe(
        self, session: Session, handler: "_Handler", unsubscription: UnSubscription
    ) -> None:
        """Remove the subscriptions of an UNSUBSCRIBE, and answer it."""
        await self._handle_unsubscription(session, handler, _done(unsubscription))

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
                    enqueue(session, OutgoingApplicationMessage(None, topic, qos, data, False))

    async def _publish_session_retained_messages(self, _session: Session) -> None:
        """Do nothing: the queue of a session is sent by its handler."""

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Send retained messages for what `session` asked for, not for every known filter."""
        subscribers = self.subscriptions.get(subscription[0], ())
        if any(subscriber.client_id == session.client_id for subscriber, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class _Handler(BrokerProtocolHandler):  # type: ignore[misc]  # amqtt is not typed
    """One connection of a session: takes what the client publishes, sends what is queued for it."""

    def __init__(self, broker: LosslessBroker, session: Session) -> None:
        super().__init__(broker.plugins_manager)
        self._broker = broker
        session.delivered_message_queue = _Received(broker, session, self)
        self._acknowledged = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await super().start()
        be_connected(self.session)
        self._sender = asyncio.create_task(self._send_queued(self.session))

    async def stop(self) -> None:
        if self._sender:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        await super().stop()

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
        enqueue(self.session, message)
        return message

    async def handle_subscribe(self, subscribe: SubscribePacket) -> None:
        # At once, as amqtt's loop would let a PUBLISH that came later overtake it.
        wanted = Subscription(subscribe.variable_header.packet_id, subscribe.payload.topics)
        await self._broker.subscribe(self.session, self, wanted)

    async def handle_unsubscribe(self, unsubscribe: UnsubscribePacket) -> None:
        unwanted = UnSubscription(unsubscribe.variable_header.packet_id, unsubscribe.payload.topics)
        await self._broker.unsubscribe(self.session, self, unwanted)

    async def _handle_qos0_message_flow(self, message: ApplicationMessage) -> None:
        # As QoS 1: by `put_nowait` a message that came later could overtake it.
        await self.session.delivered_message_queue.put(message)

    async def handle_puback(self, puback: PubackPacket) -> None:
        self.session.inflight_out.pop(puback.variable_header.packet_id, None)
        self._acknowledged.set()

    async def _retry_deliveries(self) -> None:
        """Do nothing: the sender begins with what the last connection left unacknowledged."""

    async def _send_queued(self, session: Session) -> None:
        for message in list(session.inflight_out.values()):
            await self._send_packet(message.build_publish_packet(dup=True))
        while True:
            while len(session.inflight_out) >= WINDOW:
                self._acknowledged.clear()
                await self._acknowledged.wait()
            message = await session.retained_messages.get()
            if message.qos:  # nothing may be awaited before it is in flight: it would be lost
                message.packet_id = session.next_packet_id
                session.inflight_out[message.packet_id] = message
            await self._send_packet(message.build_publish_packet())

    async def _send_packet(self, packet: Any) -> None:  # noqa: ANN401 - any of amqtt's packets
        try:
            await super()._send_packet(packet)
        except OSError:
            await self.handle_connection_closed()
        except ProtocolHandlerError as exc:
            # It stands for a cancellation, which must stay one.
            raise asyncio.CancelledError from exc


class _Received(asyncio.Queue[ApplicationMessage]):
    """Where amqtt puts what a client published; it passes through at once, so it is always empty.

    A message is put in before it is acknowledged.
    """

    def __init__(self, broker: LosslessBroker, session: Session, handler: _Handler) -> None:
        super().__init__()
        self._broker = broker
        self._session = session
        self._handler = handler

    async def put(self, message: ApplicationMessage) -> None:
        """Hand a message on; of one that MQTT forbids, close the connection."""
        if not await self._broker.receive(self._session, message):
            await self._handler.handle_connection_closed()


def _done(value: Any) -> "asyncio.Future[Any]":  # noqa: ANN401 - amqtt takes results of tasks
    done: asyncio.Future[Any] = asyncio.Future()
    done.set_result(value)
    return done


def enqueue(session: Session, message: OutgoingApplicationMessage) -> None:
    """Queue `message` for `session`, unless that is away and it need not be kept.

    The oldest message makes room for one that is too many, as in RabbitMQ.
    """
    away = session.transitions.state != _CONNECTED
    if away and (session.clean_session or not message.qos):
        return
    queue = session.retained_messages
    if queue.qsize() >= SESSION_MAX_LENGTH:
        queue.get_nowait()
    queue.put_nowait(message)


def be_connected(session: Session) -> None:
    """Make `session` connected, which another connection's end may have undone."""
    if session.transitions.state != _CONNECTED:
        session.transitions.connect()
