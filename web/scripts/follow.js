/** Follows builds for good: joins the connection, the link, and the browser's freezes. */

import * as links from "./link.js";
import { livenessOf } from "./liveness.js";
import { connect } from "./socket.js";
import { steadyClock } from "./steady-clock.js";

const TICK = 500; // ms

/**
 * Watch `filters`.
 *
 * Calls `hear.opened()`, `hear.snapshot({builds, more})`, `hear.build(state)`, `hear.feed(feed)`,
 * `hear.refused(message, code)` and `hear.troubled(message, answered)`, and after each of them, and twice a second,
 * `hear.liveness(liveness)`.
 *
 * Returns {again}: `again()` connects anew, as whom the browser is signed in now.
 */
export function follow(filters, hear) {
  const now = steadyClock(
    () => performance.now(),
    () => Date.now(),
  );
  let link = links.newLink(now());

  const connection = connect(filters, {
    opened() {
      hear.opened();
      set(links.opened(link, now(), Math.random()));
    },
    closed() {
      set(links.closed(link, now()));
    },
    refused(message, code) {
      hear.refused(message, code);
      set(links.refused(link, code ?? message));
    },
    troubled(message, answered) {
      hear.troubled(message, answered);
      set(links.refused(link, null));
    },
    snapshot(snapshot, number) {
      hear.snapshot(snapshot);
      set(links.answered(link, number, now()));
    },
    unanswered(number) {
      set(links.unanswered(link, number));
    },
    build(state) {
      set(links.heard(link, now())); // first: it may end a silence
      hear.build(state);
    },
    feed(feed) {
      hear.feed(feed);
      set(links.fed(link, feed, now()));
    },
  });

  function set(next) {
    link = next;
    if (links.isDead(link, now())) connection.renew(); // and `closed` follows
    if (links.wantsSnapshot(link, now())) {
      link = links.asked(link, now());
      connection.ask(link.ask);
    }
    hear.liveness(livenessOf(link, now()));
  }

  const tick = () => set(link);
  setInterval(tick, TICK);
  document.addEventListener("visibilitychange", tick);

  // Shown before the freeze begins: on waking, the first picture already says that it is old.
  document.addEventListener("freeze", () => set(links.froze(link, now())));
  document.addEventListener("resume", () => set(links.resumed(link)));

  return { again: connection.again };
}
