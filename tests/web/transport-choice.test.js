import assert from "node:assert/strict";
import { test } from "node:test";

import { heard, kept, lasted, mute, newChoice, optionsOf } from "../../web/scripts/live/transport-choice.js";

const NOW = 1_000_000;
const NEW = newChoice(null, NOW);
const order = (choice) => optionsOf(choice).transports;

/** After a WebSocket was mute, and polling was not. */
const blamed = (choice) => heard(mute(choice, "websocket"), "polling");

test("WebSockets come first, and polling after one that was mute", () => {
  assert.deepEqual(optionsOf(NEW), { transports: ["websocket", "polling"], upgrade: true });
  assert.deepEqual(order(mute(NEW, "websocket")), ["polling", "websocket"]);
  assert.deepEqual(order(mute(mute(NEW, "websocket"), "polling")), ["websocket", "polling"]);
});

test("a gateway that stood still is no reason to doubt WebSockets", () => {
  const frozen = mute(mute(mute(mute(NEW, "websocket"), "polling"), "websocket"), "polling");
  assert.deepEqual(heard(frozen, "websocket"), NEW);
  assert.equal(heard(mute(NEW, "websocket"), "websocket").doubts, 0);
  const thawed = blamed(NEW); // between two tries: an upgrade shows whether WebSockets work
  assert.equal(optionsOf(thawed).upgrade, true);
  assert.deepEqual(lasted(thawed, "websocket"), NEW);
});

test("a WebSocket that was mute twice is not tried as an upgrade", () => {
  const twice = blamed(blamed(NEW));
  assert.deepEqual(optionsOf(twice), { transports: ["polling", "websocket"], upgrade: false });
  assert.deepEqual(lasted(twice, "polling"), twice);
});

test("polling that is mute leads back to WebSockets", () => {
  const back = heard(mute(blamed(blamed(NEW)), "polling"), "websocket");
  assert.deepEqual(order(back), ["websocket", "polling"]);
});

test("what was found out is remembered for an hour", () => {
  const known = kept(blamed(blamed(NEW)), NOW);
  assert.deepEqual(optionsOf(newChoice(known, NOW + 3_599_999)), {
    transports: ["polling", "websocket"],
    upgrade: false,
  });
  assert.deepEqual(newChoice(known, NOW + 3_600_000), NEW);
  assert.deepEqual(newChoice(known, NOW - 1), NEW); // a clock that was set back
  assert.equal(kept(NEW, NOW), null);
});

test("what somebody else has kept there changes nothing", () => {
  for (const strange of [null, 5, "x", [], {}, { doubts: "a", until: NOW + 5 }, { doubts: 1 }]) {
    assert.deepEqual(newChoice(strange, NOW), NEW);
  }
});
