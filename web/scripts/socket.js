/** The only file that knows socket.io: it stays connected, asks, and hands over the events. */

import { whyNot } from "./api.js";
import { lacksUnfinished } from "./builds.js";
import { ROOT } from "./root.js";
import { io } from "../vendor/socket.io.esm.min.js";

const ANSWER_WITHIN = 5000; // ms

/**
 * The library connects again by itself, the first time within 1 s, later within 2 s. The delay is
 * random for each page, so that the pages of a gateway that ended do not all reach the next at once.
 *
 * WebSocket is tried first, as it costs less; some networks let only polling pass.
 */
const OPTIONS = {
  path: `${ROOT}/socket.io/`,
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  timeout: 10_000,
  reconnectionDelay: 500,
  randomizationFactor: 1,
  reconnectionDelayMax: 2000,
};
/** The longest delay, in ms, before the page connects again when the gateway has ended the connection. */
const SENT_AWAY = 1000;

/** The shortest delay, in ms, between two tries of a page that is refused; the longest is twice that. */
const REFUSED = 5000;

/**
 * Connect and watch `filters`, for good.
 *
 * Calls `hear.opened()`, `hear.closed()`, `hear.build(state)`, `hear.feed(feed)`,
 * `hear.refused(message)` when the gateway refuses, and `hear.troubled(message)` when there is no
 * connection for another reason.
 *
 * Returns {ask, renew}. `ask(number)` asks for a snapshot; `hear.snapshot({builds, more}, number)` or
 * `hear.unanswered(number)` follows. With very many unfinished builds the snapshot has only the last of
 * them, and the others come by `hear.build` before. `renew()` makes a new connection.
 */
export function connect(filters, hear) {
  const socket = io(OPTIONS);

  // The library does not connect again by itself when the server has ended the connection.
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
   * Find out why it did not connect. A page that is refused only asks and does not connect: each
   * try by polling would leave a request open, and a browser has six for one server.
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

  /** Ask for a page of the snapshot, and then for the next until every unfinished build has come. */
  function askFor(number, ...page) {
    socket.timeout(ANSWER_WITHIN).emit("watch", filters, ...page, (late, answer) => {
      if (late) return hear.unanswered(number);
      if (answer.error) return hear.refused(answer.error.message);
      if (!lacksUnfinished(answer)) return hear.snapshot(answer, number);
      answer.builds.forEach(hear.build);
      askFor(number, { after: answer.after });
    });
  }

  return {
    ask: (number) => askFor(number),
    renew() {
      socket.io.engine.close();
    },
  };
}
