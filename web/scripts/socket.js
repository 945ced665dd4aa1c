/** The only file that knows socket.io: it stays connected, asks, and hands over the events. */

import { whyNot } from "./api.js";
import { lacksUnfinished } from "./builds.js";
import { reasonIn } from "./problem.js";
import { ROOT } from "./root.js";
import * as choices from "./transport-choice.js";
import { recallChoice, rememberChoice } from "./transport-memory.js";
import { io } from "../vendor/socket.io.esm.min.js";

// In ms:
const ANSWER_WITHIN = 5000;
const OPEN_WITHIN = 7000; // then the transport counts as mute
const LASTED = 60_000; // from then on a connection has shown that its transport works

/**
 * The library connects again by itself, the first time within 1 s, later within 2 s. The delay is
 * random for each page, so that the pages of a gateway that ended do not all reach the next at once.
 *
 * WebSocket is tried first, as it costs less; some networks let only polling pass. Requests that poll are
 * answered within 5 s, by `feed`: one that a proxy holds back must not keep its connection for ever.
 */
const OPTIONS = {
  path: `${ROOT}/socket.io/`,
  tryAllTransports: true,
  timeout: OPEN_WITHIN,
  requestTimeout: 15_000,
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
 * `hear.refused(message, code)` when the gateway refuses (`code`: the end of the problem's type, where it is known),
 * and `hear.troubled(message, answered)` when there is no connection for another reason, or no answer at all.
 *
 * Returns {ask, renew, again}. `ask(number)` asks for a snapshot; `hear.snapshot({builds, more}, number)` or
 * `hear.unanswered(number)` follows. With very many unfinished builds the snapshot has only the last of
 * them, and the others come by `hear.build` before. `renew()` makes a new connection, by the other
 * transport if there is no better reason for the silence. `again()` makes one as whom the browser is signed in now.
 */
export function connect(filters, hear) {
  let choice = choices.newChoice(recallChoice(), Date.now());
  const socket = io({ ...OPTIONS, ...choices.optionsOf(choice) });
  const transport = () => socket.io.engine.transport.name;

  function choose(next) {
    if (next.doubts !== choice.doubts) rememberChoice(choices.kept(next, Date.now()));
    choice = next;
    Object.assign(socket.io.opts, choices.optionsOf(choice)); // for the next connection
  }

  // The library does not connect again by itself when the server has ended the connection.
  const later = (delay) => setTimeout(() => socket.active || socket.connect(), delay);

  const again = () => socket.disconnect().connect();

  // A transport may open, and let nothing through from then on.
  let opening;
  let lasting;
  socket.io.on("open", () => (opening = setTimeout(renew, OPEN_WITHIN)));
  socket.io.on("close", () => clearTimeout(opening));

  function renew() {
    choose(choices.mute(choice, transport()));
    again();
  }

  socket.on("connect", () => {
    clearTimeout(opening);
    lasting = setTimeout(() => choose(choices.lasted(choice, transport())), LASTED);
    hear.opened();
  });
  socket.on("disconnect", (reason) => {
    clearTimeout(lasting);
    hear.closed();
    if (reason === "io server disconnect") later(SENT_AWAY * Math.random());
  });
  socket.on("connect_error", (error) => {
    if (error.message === "timeout") choose(choices.mute(choice, transport()));
    const { context } = error; // the request, if it polled
    const told = context && reasonIn(context.responseText, context.status, context.statusText);
    if (socket.active) return told ? heed(told) : ask();
    hear.refused(error.message, error.data?.code);
    later(REFUSED * (1 + Math.random()));
  });

  /** Take note of what the gateway has told this page. It is asked again after a while. */
  function heed({ refusal, trouble }) {
    if (refusal) hear.refused(refusal);
    else hear.troubled(trouble, true);
    socket.disconnect();
    setTimeout(ask, REFUSED * (1 + Math.random()));
  }

  let asking = false;

  /**
   * Find out why it did not connect. A page that is refused only asks and does not connect: each
   * try by polling would leave a request open, and a browser has six for one server.
   */
  async function ask() {
    if (asking) return;
    asking = true;
    const told = await whyNot();
    asking = false;
    if (socket.connected) return;
    if (told.refusal) return heed(told);
    if (socket.active) hear.troubled(told.trouble, told.answered);
    else socket.connect(); // it is told when that fails
  }
  socket.on("build", hear.build);
  socket.on("feed", hear.feed);

  /** Ask for a page of the snapshot, and then for the next until every unfinished build has come. */
  function askFor(number, ...page) {
    socket.timeout(ANSWER_WITHIN).emit("watch", filters, ...page, (late, answer) => {
      if (late) return hear.unanswered(number);
      choose(choices.heard(choice, transport()));
      if (answer.error) return hear.refused(answer.error.message, answer.error.code);
      if (!lacksUnfinished(answer)) return hear.snapshot(answer, number);
      answer.builds.forEach(hear.build);
      askFor(number, { after: answer.after });
    });
  }

  return { ask: (number) => askFor(number), renew, again };
}
