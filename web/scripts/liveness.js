/** Whether the page is live, in words. Pure; moments are ms since 1970. */

import { isLive, isSilent } from "./link.js";
import { clock } from "./time.js";

/** Recorder lag, in ms, from which the page says that history lags behind. */
const LAGGING = 10_000;

/** Time, in ms, after which a first connection says since when it is tried. */
const SLOW = 3000;

/**
 * {live, state, text, detail}: `state` is `live`, `waiting` or `down`.
 *
 * The texts do not change from second to second: screen readers read out every change.
 */
export function livenessOf(link, now) {
  if (isLive(link, now)) {
    return said("live", "Live", link.recorderLag > LAGGING ? "history lags behind" : "");
  }
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

/** The sentence on return about the builds that changed in between. */
export function caughtUpText(count) {
  const what = count === 0 ? "nothing" : count === 1 ? "1 build" : `${count} builds`;
  return `caught up: ${what} changed while you were away`;
}

const isDown = ({ connected, broker }) => connected && broker === "down";

const said = (state, text, detail = "") => ({ live: state === "live", state, text, detail });
