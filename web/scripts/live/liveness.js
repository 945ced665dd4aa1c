// @ts-check

/** Whether the page is live, in words. Pure; moments are ms since 1970. */

import { isLive, isSilent } from "./link.js";
import { clock } from "../text/time.js";
import { NOT_SIGNED_IN } from "../person/who.js";

/** @import { Feed, Link, Liveness } from "../types" */

/** Recorder lag, in ms, from which the page says that history lags behind. */
const LAGGING = 10_000;

/** Time, in ms, after which a first connection says since when it is tried. */
const SLOW = 3000;

/**
 * {live, well, workers, state, text, detail}: `state` is `live`, `impeded` (live, but not all goes well),
 * `waiting`, `out` (not signed in) or `down`; `well`: starts, stops and reads work, as far as the gateway knows; `workers`: how
 * many are online, null while that is not known.
 *
 * The texts do not change from second to second: screen readers read out every change.
 *
 * @type {(link: Link, now: number) => Liveness}
 */
export function livenessOf(link, now) {
  if (isLive(link, now)) {
    const { commands, history, workers } = link.feed;
    const well = commands === "up" && history === "up";
    return { ...inWords(link.feed), live: true, well, workers };
  }
  if (link.refusal === NOT_SIGNED_IN) return said("out", "Not signed in");
  if (link.refusal) return said("down", "Refused");
  const since = `since ${clock(link.liveAt, now)}`;
  if (!link.known && !isDown(link)) {
    return said("waiting", "Connecting…", now - link.liveAt < SLOW ? "" : since);
  }
  const detail = `not live ${since}`;
  if (link.frozen) return said("waiting", "Paused by the browser", detail);
  if (!link.connected) return said("down", "Reconnecting…", detail);
  if (isSilent(link, now)) return said("down", "Gateway silent", detail);
  if (isDown(link)) return said("down", "Broker down", detail);
  return said("waiting", "Catching up…", detail);
}

/**
 * Of a live page: the worst that the gateway says.
 *
 * @type {(feed: Feed) => Liveness}
 */
function inWords({ commands, history, workers, recorder_lag_ms: lag }) {
  if (commands === "down") return said("impeded", "Live", "the broker takes no starts and stops");
  if (history === "down") return said("impeded", "Live", "the history cannot be used");
  if (workers === 0) return said("impeded", "No worker is online", "Live, but builds wait");
  return said("live", "Live", lag > LAGGING ? "history lags behind" : "");
}

/**
 * The sentence on return about the builds that changed in between.
 *
 * @type {(count: number) => string}
 */
export function caughtUpText(count) {
  const what = count === 0 ? "nothing" : count === 1 ? "1 build" : `${count} builds`;
  return `caught up: ${what} changed while you were away`;
}

/** @type {(link: Link) => boolean} */
const isDown = ({ connected, feed }) => connected && feed.broker === "down";

/** @type {(state: Liveness["state"], text: string, detail?: string) => Liveness} */
const said = (state, text, detail = "") => ({
  live: false,
  well: false,
  workers: null,
  state,
  text,
  detail,
});
