import assert from "node:assert/strict";
import { test } from "node:test";

import { bannersOf } from "../../web/scripts/page/banner-texts.js";

const WELL = { broker: "up", commands: "up", history: "up", workers: 2, recorder_lag_ms: 20 };
const said = (changes, more) => bannersOf({ feed: { ...WELL, ...changes }, live: true, operates: true, ...more });
const ids = (...given) => said(...given).map(({ id }) => id);

test("there is no banner while all is well, or before anything is known", () => {
  assert.deepEqual(ids({}), []);
  assert.deepEqual(bannersOf({ feed: null, live: false, operates: true }), []);
});

test("there is one banner for each thing that is wrong", () => {
  assert.deepEqual(ids({ workers: 0 }), ["workers"]);
  assert.deepEqual(ids({ history: "down" }), ["history"]);
  assert.deepEqual(ids({ workers: 0, commands: "down", recorder_lag_ms: 42_000 }), ["commands", "workers", "lag"]);
  assert.match(said({ recorder_lag_ms: 42_000 })[0].text, /42 s behind/);
});

test("a broker that is down is all there is to say", () => {
  assert.deepEqual(ids({ broker: "down", workers: 0 }, { live: false }), ["broker"]);
});

test("what is only remembered is not said", () => {
  assert.deepEqual(ids({ workers: 0 }, { live: false }), []);
});

test("who runs it is told what to do, others whom to tell", () => {
  assert.match(said({ workers: 0 })[0].advice, /buildfeed worker/);
  assert.doesNotMatch(said({ workers: 0 }, { operates: false })[0].advice, /buildfeed worker/);
});
