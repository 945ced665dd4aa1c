// @ts-check

/**
 * The page's connection to a gateway: its own at first, as nothing is quicker, and that of all tabs of the browser once
 * there are several.
 */

import { recallChoice, rememberChoice } from "./transport-memory.js";

/** @import { Connection, HearAll, Snapshot } from "../types" */

const WORKER = new URL("./connection-worker.js", import.meta.url);

// In ms:
const SHARED_AFTER = 1500; // from the moment on that the page is connected
const FALLS_BACK_AFTER = 4000; // when the shared connection is to be made anew and says nothing
const AGAIN = 3000; // after a script that did not load

/** The number of the snapshot with which the page moves to the shared connection. */
const MOVING = 0;

/**
 * Connect and watch `filters`, for good.
 *
 * Calls `hear.opened()`, `hear.closed()`, `hear.build(state)`, `hear.log(log)`, `hear.feed(feed)`,
 * `hear.refused(message, code)` and `hear.troubled(message, answered)`: see socket.js.
 *
 * Returns {ask, renew, is, again, pause, resume}. `ask(number)` asks for a snapshot; `hear.snapshot({builds, more},
 * number)` or `hear.unanswered(number)` follows, and builds that it has no room for come by `hear.build` before.
 * `renew()` makes a new connection. `is(identity)` says who looks, `again(identity)` makes a new connection as that
 * one. Between `pause()` and `resume()` nothing is heard; then it is as if the connection had just begun.
 *
 * @type {(filters: string[], hear: HearAll) => Connection}
 */
export function connect(filters, hear) {
  /** @type {Connection | null} */
  let line = null; // the connection that is in use
  /** @type {Connection | null} */
  let own = null;
  let opened = false; // the one in use
  /** @type {string | undefined} */
  let whom;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let tried = false; // to share

  /** What the own connection says, while it is in use. */
  const mine = {
    ...hear,
    opened() {
      opened = true;
      hear.opened();
      mayShare();
    },
    closed() {
      opened = false;
      if (own) hear.closed(); // else it is closed as it is not needed any more
    },
  };

  function mayShare() {
    clearTimeout(waiting);
    if (!tried && whom !== undefined) waiting = setTimeout(share, SHARED_AFTER);
  }

  async function useOwn() {
    try {
      const { connectAlone } = await import("./connection-worker.js");
      line = own = connectAlone(filters, mine);
    } catch {
      hear.troubled("A part of this page did not load. This page keeps trying.", false);
      setTimeout(useOwn, AGAIN);
    }
  }

  function share() {
    tried = true;
    const shared = sharedLine(filters, whom, {
      ...hear,
      opened() {
        if (line === shared) return hear.opened();
        if (opened) return shared.ask(MOVING);
        move();
        hear.opened();
      },
      closed: () => line === shared && hear.closed(),
      feed: (feed) => line === shared && hear.feed(feed),
      refused: (...why) => line === shared && hear.refused(...why),
      troubled: (...why) => line === shared && hear.troubled(...why),
      /** @type {(snapshot: Snapshot, number: number) => void} */
      snapshot(snapshot, number) {
        if (number !== MOVING) return hear.snapshot(snapshot, number);
        snapshot.builds.forEach(hear.build);
        if (line !== shared) move();
      },
      unanswered: (number) => number !== MOVING && hear.unanswered(number),
      lost() {
        line = null;
        hear.closed();
        useOwn();
      },
    });

    function move() {
      const before = own;
      [line, own] = [shared, null];
      before?.close?.();
    }
  }

  useOwn();
  return {
    ask: (number) => line?.ask(number),
    renew: () => line?.renew(),
    is(identity) {
      whom = identity;
      if (opened) mayShare();
    },
    again(identity) {
      whom = identity;
      line?.again(identity);
    },
    pause: () => line?.pause(),
    resume: () => line?.resume(),
  };
}

/**
 * The connection that tabs share, or nothing that ever says anything where a browser has none. Calls `hear.lost()` when
 * it is no more.
 *
 * @type {(filters: string[], whom: string | undefined, hear: HearAll & { lost(): void }) => Connection}
 */
function sharedLine(filters, whom, hear) {
  const nothing = () => {};
  const none = { ask: nothing, renew: nothing, is: nothing, again: nothing, pause: nothing, resume: nothing };
  if (typeof SharedWorker === "undefined") return none;
  let worker;
  try {
    worker = new SharedWorker(WORKER, { type: "module", name: "buildfeed" });
  } catch {
    return none;
  }
  const { port } = worker;
  /** @type {Record<string, any>} */
  const hears = { ...hear, remember: rememberChoice };
  let heard = 0; // messages
  let over = false;
  /** @type {(...message: unknown[]) => void} */
  const say = (...message) => {
    if (!over) port.postMessage(message);
  };

  port.onmessage = ({ data: [name, ...what] }) => {
    heard += 1;
    if (!over) hears[name]?.(...what);
  };
  const join = () => say("join", filters, recallChoice(), whom);
  join();

  // A page that is left may be shown again as it was.
  addEventListener("pagehide", () => say("leave"));
  addEventListener("pageshow", ({ persisted }) => persisted && join());

  function renew() {
    const before = heard;
    say("renew");
    setTimeout(() => {
      if (heard !== before || over) return;
      say("leave");
      over = true;
      hear.lost();
    }, FALLS_BACK_AFTER);
  }

  return {
    ...none,
    ask: (number) => say("ask", number),
    renew,
    again(identity) {
      whom = identity;
      say("again", identity);
    },
    pause: () => say("pause"),
    resume: () => say("resume"),
  };
}
