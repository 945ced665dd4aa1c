import assert from "node:assert/strict";
import { test } from "node:test";

import { newLink } from "../../web/scripts/live/link.js";
import { caughtUpText, livenessOf } from "../../web/scripts/live/liveness.js";

const NOON = new Date(2026, 10, 21, 12, 0, 0).getTime();
const LIVE = { ...newLink(NOON), connected: true, whole: true, known: true };
const FEED = LIVE.feed;
const SINCE = "not live since 12:00:00 PM";

/** [state, text, detail] so many ms after noon. */
const said = (link, ms) => {
  const { state, text, detail } = livenessOf(link, NOON + ms);
  return [state, text, detail.replaceAll("\u202f", " ")];
};

test("it is live, and says so", () => {
  assert.deepEqual(said(LIVE, 5000), ["live", "Live", ""]);
  assert.equal(livenessOf(LIVE, NOON).live, true);
});

test("it connects, and says since when if that takes long", () => {
  assert.deepEqual(said(newLink(NOON), 1000), ["waiting", "Connecting…", ""]);
  assert.deepEqual(said(newLink(NOON), 3000), ["waiting", "Connecting…", "since 12:00:00 PM"]);
  const asking = { ...newLink(NOON), connected: true };
  assert.deepEqual(said(asking, 1000), ["waiting", "Connecting…", ""]);
});

test("it says why it is not live, and since when", () => {
  const lost = { ...LIVE, whole: false };
  assert.deepEqual(said({ ...lost, connected: false }, 90_000), ["down", "Reconnecting…", SINCE]);
  assert.deepEqual(said(LIVE, 7000), ["down", "Gateway silent", SINCE]);
  assert.deepEqual(said({ ...lost, feed: { ...FEED, broker: "down" } }, 1000), ["down", "Broker down", SINCE]);
  assert.deepEqual(said({ ...lost, frozen: true }, 0), ["waiting", "Paused by the browser", SINCE]);
  assert.deepEqual(said(lost, 1000), ["waiting", "Catching up…", SINCE]);
});

test("silence weighs more than what was last heard of the broker", () => {
  assert.equal(said({ ...LIVE, feed: { ...FEED, broker: "down" } }, 7000)[1], "Gateway silent");
});

test("a broker that is down from the start is told", () => {
  const first = { ...newLink(NOON), connected: true, feed: { ...FEED, broker: "down" } };
  assert.equal(said(first, 0)[1], "Broker down");
});

test("a refusal is not hidden by anything else", () => {
  assert.deepEqual(said({ ...LIVE, refusal: "no" }, 0), ["down", "Refused", ""]);
});

test("who has to sign in is told so", () => {
  assert.deepEqual(said({ ...LIVE, refusal: "not-signed-in" }, 0), ["out", "Not signed in", ""]);
});

test("what it says does not change from second to second", () => {
  const closed = { ...LIVE, connected: false };
  assert.deepEqual(said(closed, 1000), said(closed, 59_000));
});

test("a history that lags behind is told", () => {
  const late = { ...LIVE, feed: { ...FEED, recorder_lag_ms: 10_001 } };
  assert.deepEqual(said(late, 0), ["live", "Live", "history lags behind"]);
  assert.deepEqual(said({ ...LIVE, feed: { ...FEED, recorder_lag_ms: 3000 } }, 0)[2], "");
});

test("what the gateway knows to be wrong is told by a live page", () => {
  const told = (news) => {
    const { live, well, workers, state, text, detail } = livenessOf({ ...LIVE, feed: { ...FEED, ...news } }, NOON);
    return [live, well, workers, state, text, detail];
  };
  assert.deepEqual(told({ workers: 2 }), [true, true, 2, "live", "Live", ""]);
  assert.deepEqual(told({ workers: 0, recorder_lag_ms: 99_000 }), [
    ...[true, true, 0, "impeded"],
    ...["No worker is online", "Live, but builds wait"],
  ]);
  assert.deepEqual(told({ history: "down", workers: 0 }), [
    ...[true, false, 0, "impeded"],
    ...["Live", "the history cannot be used"],
  ]);
  assert.deepEqual(told({ commands: "down", history: "down" }), [
    ...[true, false, null, "impeded"],
    ...["Live", "the broker takes no starts and stops"],
  ]);
});

test("on return it counts what changed", () => {
  assert.equal(caughtUpText(3), "caught up: 3 builds changed while you were away");
  assert.equal(caughtUpText(1), "caught up: 1 build changed while you were away");
  assert.equal(caughtUpText(0), "caught up: nothing changed while you were away");
});
