import assert from "node:assert/strict";
import { test } from "node:test";

import { livenessOf, unconnected } from "../../web/scripts/liveness.js";

const LIVE = {
  ...unconnected(0),
  connected: true,
  watching: true,
  everWatched: true,
  heardAt: 1000,
};
const said = (link, now) => {
  const { live, text, since } = livenessOf(link, now);
  return [live, `${text} ${since}`.trim()];
};

test("it is live when connected, watching and hearing", () => {
  assert.deepEqual(said(LIVE, 6500), [true, "Live"]);
});

test("it is not live before the first snapshot", () => {
  assert.deepEqual(said(unconnected(0), 2000), [false, "Connecting… (since 2 s)"]);
  assert.deepEqual(said({ ...LIVE, watching: false }, 2000), [false, "Catching up…"]);
});

test("it says at once that the connection is gone, and since when", () => {
  const closed = { ...LIVE, connected: false, since: 1000 };
  assert.deepEqual(said(closed, 1000), [false, "Reconnecting… (since 0 s)"]);
  assert.deepEqual(said(closed, 13_500), [false, "Reconnecting… (since 12 s)"]);
});

test("it says within 8 s that nothing is heard, even to a page that asks once a second", () => {
  assert.equal(said(LIVE, 1000 + 6999)[0], true);
  assert.deepEqual(said(LIVE, 1000 + 7000), [false, "Not live: nothing heard for 7 s"]);
});

test("silence weighs more than what was last heard of the broker", () => {
  const down = { ...LIVE, broker: "down", brokerSince: 500 };
  assert.deepEqual(said(down, 3500), [false, "Broker down (since 3 s)"]);
  assert.deepEqual(said(down, 10_000), [false, "Not live: nothing heard for 9 s"]);
});

test("a refusal is not hidden by anything else", () => {
  assert.deepEqual(said({ ...LIVE, refusal: "no such project" }, 1000), [false, "Refused"]);
});
