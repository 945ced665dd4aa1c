/** Whether the page is live, and how to say so. Pure; moments are ms since 1970. */

import { isLive, isSilent } from "./link.js";
import { clock } from "./time.js";

/** From this lag on, in ms, it is said that history is late. */
const LAGGING = 10_000;

/** A first connection that takes longer than this, in ms, is told since when. */
const SLOW = 3000;

/**
 * {live, state, text, detail}: `state` is `live`, `waiting` or `down`.
 *
 * Nothing of it changes from second to second, so that it may be read out.
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
  if (isSilent(link, now)) return said("down", "Nothing heard", detail);
  if (isDown(link)) return said("down", "Broker down", detail);
  return said("waiting", "Catching up…", detail);
}

/** What is said on return of the builds that changed in between. */
export function caughtUpText(count) {
  const what = count === 0 ? "nothing" : count === 1 ? "1 build" : `${count} builds`;
  return `caught up: ${what} changed while you were away`;
}

const isDown = ({ connected, broker }) => connected && broker === "down";

const said = (state, text, detail = "") => ({ live: state === "live", state, text, detail });
