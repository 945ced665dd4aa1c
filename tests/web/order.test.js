import assert from "node:assert/strict";
import { test } from "node:test";

import { arranged, beyond, moves } from "../../web/scripts/builds/order.js";
import { mapOf, stateOf } from "./states.js";

const NOW = Date.parse("2026-11-21T10:15:00.000Z");
const LATER = "2026-11-21T10:20:00.000Z";
const all = () => true;
const order = (states, more = {}) => {
  const { ongoing, ended, due } = arranged(mapOf(...states), { fits: all, lingering: new Set(), now: NOW, ...more });
  const names = (entries) => entries.map(([, { build }]) => build).join(" ");
  return { ongoing: names(ongoing), ended: names(ended), due };
};
const waiting = (build, more) => stateOf({ build, status: "queued", started: null, ...more });

test("lost builds come first, then those that run, those that wait, those that are delayed", () => {
  const { ongoing, due } = order([
    stateOf({ build: "b1" }),
    waiting("b2"),
    waiting("b3", { notBefore: LATER }),
    stateOf({ build: "b4", lost: true }),
    stateOf({ build: "b5" }),
    waiting("b6"),
  ]);
  assert.equal(ongoing, "b4 b5 b1 b2 b6 b3");
  assert.equal(due, Date.parse(LATER));
});

test("ended builds stand apart, the newest first", () => {
  const ended = ["b1", "b3", "b2"].map((build) => stateOf({ build, status: "failed" }));
  assert.deepEqual(order([...ended, stateOf({ build: "b0" })]), { ongoing: "b0", ended: "b3 b2 b1", due: Infinity });
});

test("a build that ended a moment ago keeps its place", () => {
  const builds = [stateOf({ build: "b1" }), stateOf({ build: "b2", status: "failed" }), stateOf({ build: "b3" })];
  assert.equal(order(builds, { lingering: new Set(["acme/b2"]) }).ongoing, "b3 b2 b1");
  const stopped = [waiting("b1"), waiting("b2", { status: "stopped" }), waiting("b3")];
  assert.equal(order(stopped, { lingering: new Set(["acme/b2"]) }).ongoing, "b1 b2 b3");
});

test("what a filter leaves out is nowhere", () => {
  const fits = ({ build }) => build !== "b2";
  assert.equal(order([stateOf({ build: "b1" }), stateOf({ build: "b2" })], { fits }).ongoing, "b1");
});

test("progress moves nothing, another status does", () => {
  const before = stateOf();
  assert.ok(!moves(before, stateOf({ progress: 50, seq: 5 }), all));
  assert.ok(moves(undefined, before, all));
  assert.ok(moves(before, stateOf({ status: "failed" }), all));
  assert.ok(moves(before, stateOf({ lost: true }), all));
  assert.ok(moves(before, stateOf({ errors: 1 }), ({ errors }) => errors > 0));
});

test("of the ended builds the oldest are too many", () => {
  const builds = mapOf(stateOf({ build: "b0" }), ...["b1", "b2", "b3"].map((build) => stateOf({ build, status: "failed" })));
  assert.deepEqual(beyond(builds, 2), ["acme/b1"]);
  assert.deepEqual(beyond(builds, 3), []);
});
