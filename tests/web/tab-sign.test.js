import assert from "node:assert/strict";
import { test } from "node:test";

import { drawn, iconOf, titleOf } from "../../web/scripts/comfort/tab-sign.js";
import { mapOf, stateOf } from "./states.js";

const BUILD = { project: "acme", build: "b1" };
const ALL = { project: null, build: null };
const NOW = Date.parse("2026-11-21T10:15:00.000Z");

function seen(...states) {
  const builds = mapOf(...states);
  return { builds, state: states[0], ended: [], known: true, live: true, now: NOW, workers: 1 };
}

const red = stateOf({ build: "b2", errors: 2 });
const succeeded = stateOf({ build: "b3", status: "succeeded", progress: 100 });
const failed = stateOf({ build: "b4", status: "failed", errors: 1 });

test("the title of a build says how far it is, that it is red, and that it is done", () => {
  assert.equal(titleOf(BUILD, seen(stateOf())), "Running 40 % · acme b1 · Buildfeed");
  assert.equal(titleOf(BUILD, seen(red)), "✗ Running 40 %, 2 errors · acme b1 · Buildfeed");
  assert.equal(titleOf(BUILD, seen(succeeded)), "✓ Succeeded · acme b1 · Buildfeed");
  assert.equal(titleOf(BUILD, seen(failed)), "✗ Failed at 40 % · acme b1 · Buildfeed");
  assert.equal(titleOf(BUILD, { ...seen(stateOf()), live: false }), "Not live · Running 40 % · acme b1 · Buildfeed");
  assert.equal(titleOf(BUILD, { ...seen(), known: false }), "acme b1 · Buildfeed");
});

test("the title of many counts those that go on, are red, and ended while nobody looked", () => {
  assert.equal(titleOf(ALL, seen()), "Buildfeed");
  assert.equal(titleOf(ALL, seen(stateOf(), succeeded)), "1 running · Buildfeed");
  assert.equal(titleOf(ALL, seen(stateOf(), red)), "✗ 1 red, 2 running · Buildfeed");
  assert.equal(titleOf(ALL, { ...seen(succeeded), ended: [succeeded] }), "✓ 1 done · Buildfeed");
  assert.equal(titleOf(ALL, { ...seen(failed), ended: [succeeded, failed] }), "✗ 1 failed · Buildfeed");
});

test("the text of a stranger cannot turn the title around", () => {
  const title = titleOf(BUILD, seen(stateOf({ title: "a\u202eb\nc" })));
  assert.equal(title, "Running 40 % · \u2068a\u202eb\u202c c\u2069 · acme b1 · Buildfeed");
});

test("the icon is a ring of the progress; it is drawn anew by twentieths only", () => {
  const at = (progress) => iconOf(BUILD, seen(stateOf({ progress })));
  assert.deepEqual(at(50), { tone: "good", part: 10, mark: "" });
  assert.deepEqual(at(51), at(50));
  assert.deepEqual(iconOf(BUILD, seen(red)), { tone: "bad", part: 8, mark: "" });
  assert.deepEqual(iconOf(BUILD, seen(succeeded)).mark, "done");
  assert.deepEqual(iconOf(BUILD, seen(failed)).mark, "red");
  assert.equal(iconOf(BUILD, { ...seen(), state: undefined }), null);
});

test("the icon of many is that of all that run, then of what ended while nobody looked", () => {
  assert.equal(iconOf(ALL, seen(succeeded)), null);
  assert.deepEqual(iconOf(ALL, seen(stateOf({ progress: 20 }), { ...red, progress: 60 })), { tone: "bad", part: 8, mark: "" });
  assert.equal(iconOf(ALL, { ...seen(succeeded), ended: [succeeded] }).mark, "done");
  assert.equal(iconOf(ALL, { ...seen(failed), ended: [succeeded, failed] }).mark, "red");
});

test("an icon is a whole SVG", () => {
  for (const mark of ["", "done", "red"]) assert.match(drawn({ tone: "good", part: 3, mark }), /^<svg .*<\/svg>$/);
});
