"""Edge: MQTT → activities and presences in the event loop, and the probe that measures the way.

An open connection proves little: a broker may take messages and deliver none. So once a second the
gateway publishes a probe to itself. Its round trip is the lag that the page shows. When no probe
has come back for SILENT_AFTER seconds in which this process ran, the broker counts as down.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable

from buildfeed import activity, presence, topics
from buildfeed.activity import Activity
from buildfeed.awake_clock import AwakeClock
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.errors import BuildfeedError
from buildfeed.presence import Presence
from gateway.log_limit import LogLimit

PROBE_SECONDS = 1.0
SILENT_AFTER = 3.0
"""Seconds without a probe that comes back, after which the broker counts as down."""
_LOGGED_A_MINUTE = 20

log = logging.getLogger(__name__)


class Subscriber:
    """The gateway's own MQTT session: clean, with a fresh client id per connection.

    The callbacks run in the event loop that `start` was called in: `on_activity` and
    `on_presence` with each message, `on_removed` with a worker that removed its presence, `on_up`
    after every SUBACK, when activities missed before it must be caught up.
    """

    def __init__(
        self,
        url: str,
        clock: AwakeClock,
        *,
        on_activity: Callable[[Activity], None],
        on_presence: Callable[[Presence], None],
        on_removed: Callable[[str], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._on_activity = on_activity
        self._on_presence = on_presence
        self._on_removed = on_removed
        self._on_up = on_up
        self._probe_topic = f"gateways/{secrets.token_hex(8)}/probe"
        self._probe_back = float("-inf")
        self._lag = 0.0
        self.refused = 0
        """Payloads that were no activities, since the start."""
        self._logged = LogLimit(_LOGGED_A_MINUTE)
        self._waiting: deque[Message] = deque()
        self._loop = asyncio.get_running_loop()
        self._link = MqttLink(
            url,
            name="gateway",
            subscriptions=[(topics.ALL_BUILDS, 1), (topics.ALL_WORKERS, 1), (self._probe_topic, 0)],
            on_message=self._arrived,
            on_up=lambda: self._in_loop(self._up),
            on_down=lambda _: self._in_loop(on_down),
        )

    @property
    def link(self) -> MqttLink:
        """The connection, on which commands may be published too."""
        return self._link

    @property
    def alive(self) -> bool:
        """True while the probe keeps coming back."""
        return self._link.up and self._clock.time() - self._probe_back < SILENT_AFTER

    @property
    def lag(self) -> float:
        """The last round trip of the probe, in seconds."""
        return self._lag

    def start(self) -> None:
        """Connect, and keep connected until `stop`."""
        self._link.start()

    def stop(self) -> None:
        """Disconnect; blocks for at most 3 s."""
        self._link.stop()

    def probe(self) -> None:
        """Publish a probe to this process; call it every PROBE_SECONDS."""
        sent = str(self._clock.time()).encode()
        if self._link.up:
            self._link.publish(self._probe_topic, sent, qos=0)

    def _arrived(self, message: Message) -> None:
        # In the thread of the link. One wake-up of the loop takes all messages that are there.
        self._waiting.append(message)
        if len(self._waiting) == 1:
            self._in_loop(self._take)

    def _in_loop(self, callback: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    def _take(self) -> None:
        for _ in range(len(self._waiting)):
            message = self._waiting[0]
            try:
                self._dispatch(message)
            except BuildfeedError as exc:
                self.refused += 1
                facts = {"topic": message.topic, "reason": str(exc)}
                left_out = self._logged.take(message.topic, self._clock.time())
                if left_out is not None:
                    log.warning("activity.refused", extra={**facts, "left_out": left_out})
            except Exception as exc:
                left_out = self._logged.take(type(exc).__name__, self._clock.time())
                if left_out is not None:
                    extra = {"topic": message.topic, "left_out": left_out}
                    log.exception("activity.failed", extra=extra)
            # Taken off last: while one is waiting, `_arrived` need not wake the loop again.
            self._waiting.popleft()
        if self._waiting:
            self._loop.call_soon(self._take)  # after the sockets had their turn

    def _dispatch(self, message: Message) -> None:
        if message.topic.startswith("builds/"):
            self._on_activity(activity.decode(message.topic, message.payload))
        elif message.topic.startswith("workers/") and not message.payload:
            self._on_removed(presence.removed(message.topic))
        elif message.topic.startswith("workers/"):
            self._on_presence(presence.decode(message.topic, message.payload))
        elif message.topic == self._probe_topic:
            self._probe_back = self._clock.time()
            self._lag = self._probe_back - float(message.payload)

    def _up(self) -> None:
        self._probe_back = self._clock.time()
        self.probe()
        self._on_up()
