/** The only file that knows socket.io: stays connected, asks, hands over what it hears. */

import { whyNot } from "./api.js";
import { io } from "../vendor/socket.io.esm.min.js";

const ANSWER_WITHIN = 5000;

/**
 * Connects again by itself, each page after a time of its own, so that a gateway that went does not
 * bring all of them at once to the next: the first time within 1 s, later within 2 s.
 *
 * Gateways of several processes refuse polling, and some networks refuse WebSocket: each is tried.
 */
const OPTIONS = {
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  timeout: 10_000,
  reconnectionDelay: 500,
  randomizationFactor: 1,
  reconnectionDelayMax: 2000,
};
const SENT_AWAY = 1000;
const REFUSED = 5000;

/**
 * Connect and watch `filters`, for good.
 *
 * Calls `hear.opened()`, `hear.closed()`, `hear.refused(message)`, `hear.troubled(message)` when it
 * cannot connect and was not refused either, `hear.build(state)`, `hear.feed(feed)`. Returns {ask, renew}: `ask(number)` asks for a snapshot, and
 * `hear.snapshot({builds, more}, number)` or `hear.unanswered(number)` follows; `renew()` gives the
 * connection up for a new one.
 */
export function connect(filters, hear) {
  const socket = io(OPTIONS);

  // What the server ended, the client library does not begin again by itself.
  const again = (delay) => setTimeout(() => socket.connect(), delay);

  socket.on("connect", hear.opened);
  socket.on("disconnect", (reason) => {
    hear.closed();
    if (reason === "io server disconnect") again(SENT_AWAY * Math.random());
  });
  socket.on("connect_error", (error) => {
    if (socket.active) return ask();
    hear.refused(error.message);
    again(REFUSED * (1 + Math.random()));
  });

  let asking = false;

  /**
   * Find out why it did not connect. While the page is refused it only asks: each try by polling
   * would leave a request open, and of these a browser has six.
   */
  async function ask() {
    if (asking) return;
    asking = true;
    const { refusal, trouble } = await whyNot();
    asking = false;
    if (socket.connected) return;
    if (refusal) {
      hear.refused(refusal);
      socket.disconnect();
      setTimeout(ask, REFUSED * (1 + Math.random()));
    } else {
      hear.troubled(trouble);
      if (!socket.active) socket.connect();
    }
  }
  socket.on("build", hear.build);
  socket.on("feed", hear.feed);

  return {
    ask(number) {
      socket.timeout(ANSWER_WITHIN).emit("watch", filters, (late, answer) => {
        if (late) hear.unanswered(number);
        else if (answer.error) hear.refused(answer.error.message);
        else hear.snapshot(answer, number);
      });
    },
    renew() {
      socket.io.engine.close();
    },
  };
}
