/**
 * Whether the page is live, and how to say so. Pure; moments are milliseconds of one clock.
 *
 * A link is {connected, watching, since, heardAt, broker, brokerSince, refusal}: `watching` from
 * the snapshot on, `since` when `connected` last changed, `broker` as the last `feed` said.
 */

import { seconds } from "./time.js";

/** The gateway speaks every 5 s; two seconds of grace, and one for the clock that asks. */
const SILENCE = 7000;

export const unconnected = (now) => ({
  connected: false,
  watching: false,
  everWatched: false,
  since: now,
  heardAt: now,
  broker: "up",
  brokerSince: now,
  refusal: null,
});

/**
 * {live, state, text, since}: `state` is `live`, `waiting` or `down`.
 *
 * `since` is kept apart from `text` because it changes every second, which nobody wants read out.
 */
export function livenessOf(link, now) {
  if (link.refusal) return not("down", "Refused");
  if (!link.connected) {
    const since = `(since ${seconds(now - link.since)})`;
    return link.everWatched
      ? not("down", "Reconnecting…", since)
      : not("waiting", "Connecting…", since);
  }
  const silence = now - link.heardAt;
  if (silence >= SILENCE) {
    return not("down", "Not live: nothing heard", `for ${seconds(silence)}`);
  }
  if (!link.watching) return not("waiting", "Catching up…");
  if (link.broker === "down") {
    return not("down", "Broker down", `(since ${seconds(now - link.brokerSince)})`);
  }
  return { live: true, state: "live", text: "Live", since: "" };
}

const not = (state, text, since = "") => ({ live: false, state, text, since });
