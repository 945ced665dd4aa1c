// @ts-check

/** The only file that knows socket.io: it stays connected, asks, and hands over the events. */

import { whyNot } from "../api/api.js";
import { lacksUnfinished } from "../builds/builds.js";
import { reasonIn } from "../api/problem.js";
import { ROOT } from "../api/root.js";
import * as choices from "./transport-choice.js";
import { io } from "../../vendor/socket.io.esm.min.js";

/** @import { Choice, Hear, Memory, Snapshot, SnapshotAnswer, Socket, Transport } from "../types" */

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
 * Connect, and stay connected until `close()`. `memory` is {recall, remember} of the choice of a transport.
 *
 * Calls `hear.opened()`, `hear.closed()`, `hear.build(state)`, `hear.log(log)`, `hear.feed(feed)`,
 * `hear.refused(message, code)` when the gateway refuses (`code`: the end of the problem's type, where it is known),
 * and `hear.troubled(message, answered)` when there is no connection for another reason, or no answer at all.
 *
 * Returns {ask, leave, renew, again, close}. `ask(filters, answer)` watches `filters` and asks for a snapshot of them;
 * `answer.snapshot({builds, more})`, `answer.refused(message, code)` or `answer.unanswered()` follows. With very many
 * unfinished builds the snapshot has only the last of them, and the others come by `answer.build` before.
 * `leave(filters, left)` watches them no more, and calls `left` with the filters that are watched then. `renew()` makes
 * a new connection, by the other transport if there is no better reason for the silence. `again()` makes one as whom
 * the browser is signed in now.
 *
 * @type {(hear: Hear, memory: Memory) => Socket}
 */
export function openSocket(hear, memory) {
  let choice = choices.newChoice(memory.recall(), Date.now());
  /** @type {any} */
  const socket = io({ ...OPTIONS, ...choices.optionsOf(choice) });
  /** @type {() => Transport} */
  const transport = () => socket.io.engine.transport.name;

/** @type {(next: Choice) => void} */
  function choose(next) {
    if (next.doubts !== choice.doubts) memory.remember(choices.kept(next, Date.now()));
    choice = next;
    Object.assign(socket.io.opts, choices.optionsOf(choice)); // for the next connection
  }

  let closed = false; // for good

  // The library does not connect again by itself when the server has ended the connection.
/** @type {(delay: number) => void} */
  const later = (delay) => {
    setTimeout(() => closed || socket.active || socket.connect(), delay);
  };

  const again = () => socket.disconnect().connect();

  function close() {
    closed = true;
    socket.disconnect();
  }

  // A transport may open, and let nothing through from then on.
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let opening;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
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
  socket.on("disconnect", (/** @type {string} */ reason) => {
    clearTimeout(lasting);
    hear.closed();
    if (reason === "io server disconnect") later(SENT_AWAY * Math.random());
  });
  socket.on("connect_error", (/** @type {any} */ error) => {
    if (error.message === "timeout") choose(choices.mute(choice, transport()));
    const { context } = error; // the request, if it polled
    const told = context && reasonIn(context.responseText, context.status, context.statusText);
    if (socket.active) return told ? heed(told) : why();
    hear.refused(error.message, error.data?.code);
    later(REFUSED * (1 + Math.random()));
  });

  /**
   * Take note of what the gateway has told this page. It is asked again after a while.
   *
   * @type {(told: { refusal: string, trouble: string }) => void}
   */
  function heed({ refusal, trouble }) {
    if (refusal) hear.refused(refusal);
    else hear.troubled(trouble, true);
    socket.disconnect();
    setTimeout(why, REFUSED * (1 + Math.random()));
  }

  let asking = false;

  /**
   * Find out why it did not connect. A page that is refused only asks and does not connect: each
   * try by polling would leave a request open, and a browser has six for one server.
   */
  async function why() {
    if (asking || closed) return;
    asking = true;
    const told = await whyNot();
    asking = false;
    if (socket.connected || closed) return;
    if (told.refusal) return heed(told);
    if (socket.active) hear.troubled(told.trouble, told.answered);
    else socket.connect(); // it is told when that fails
  }
  socket.on("build", hear.build);
  socket.on("log", (/** @type {any} */ log) => hear.log?.(log));
  socket.on("feed", hear.feed);

  /**
   * Ask for a page of the snapshot, and then for the next until every unfinished build has come.
   *
   * @type {(filters: string[], answer: SnapshotAnswer, ...page: { after?: string }[]) => void}
   */
  function ask(filters, answer, ...page) {
    socket.timeout(ANSWER_WITHIN).emit("watch", filters, ...page, (/** @type {unknown} */ late, /** @type {any} */ body) => {
      if (late) return answer.unanswered();
      choose(choices.heard(choice, transport()));
      if (body.error) return answer.refused(body.error.message, body.error.code);
      if (!lacksUnfinished(body)) return answer.snapshot(body);
      body.builds.forEach(answer.build);
      ask(filters, answer, { after: body.after });
    });
  }

/** @type {(filters: string[], left: (watching: string[]) => void) => void} */
  function leave(filters, left) {
    if (!socket.connected) return left([]);
    /** @type {(late: unknown, body: any) => void} */
    const answered = (late, body) => left((!late && body.watching) || []);
    socket.timeout(ANSWER_WITHIN).emit("unwatch", filters, answered);
  }

  return { ask: (filters, answer) => ask(filters, answer), leave, renew, again, close };
}
