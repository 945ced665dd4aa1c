// @ts-check

/** Follows builds for good: joins the connection, the link, and the browser's freezes. */

import { connect } from "./connection.js";
import * as links from "./link.js";
import { livenessOf } from "./liveness.js";
import { steadyClock } from "./steady-clock.js";

/** @import { HearAll, Link, Liveness, Snapshot } from "../types" */

const TICK = 500; // ms

/**
 * Watch `filters`.
 *
 * Calls `hear.opened()`, `hear.snapshot({builds, more})`, `hear.build(state)`, `hear.log(log)`, `hear.feed(feed)`,
 * `hear.refused(message, code)` and `hear.troubled(message, answered)`, and after each of them, and twice a second,
 * `hear.liveness(liveness)`.
 *
 * Returns {is, again}: `is(identity)` says who looks, `again(identity)` connects anew as that one.
 *
 * @type {(filters: string[], hear: Omit<HearAll, "closed" | "snapshot" | "unanswered"> & { snapshot(snapshot: Snapshot): void, liveness(liveness: Liveness): void }) => { is(identity: string): void, again(identity: string): void }}
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
    log(log) {
      set(links.heard(link, now()));
      hear.log?.(log);
    },
    feed(feed) {
      hear.feed(feed);
      set(links.fed(link, feed, now()));
    },
  });

/** @type {(next: Link) => void} */
  function set(next) {
    link = next;
    if (links.isDead(link, now())) connection.renew(); // and `closed` follows
    if (links.wantsSnapshot(link, now())) {
      link = links.asked(link, now());
      connection.ask(link.asked);
    }
    hear.liveness(livenessOf(link, now()));
  }

  const tick = () => set(link);
  setInterval(tick, TICK);
  document.addEventListener("visibilitychange", tick);

  // Shown before the freeze begins: on waking, the first picture already says that it is old.
  document.addEventListener("freeze", () => {
    connection.pause();
    set(links.froze(link, now()));
  });
  document.addEventListener("resume", () => {
    set(links.resumed(link));
    connection.resume();
  });

  return { again: connection.again, is: connection.is };
}
