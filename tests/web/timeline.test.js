import assert from "node:assert/strict";
import { test } from "node:test";

import { textOf as textOfPhrase } from "../../web/scripts/text/phrase.js";
import { entryOf, isComplete, KINDS, timelineOf } from "../../web/scripts/build/timeline.js";

const activity = (type, object = {}, more = {}) => ({
  id: `${type}-${object.attempt ?? 1}.${object.seq ?? 3}`,
  type,
  actor: { name: type === "Offer" || type === "Undo" ? "ada" : "w1" },
  published: "2026-11-21T10:15:00Z",
  object: { status: "running", progress: 70, errors: 0, attempt: 1, seq: 3, ...object },
  ...more,
});
function textOf(...args) {
  const entry = entryOf(activity(...args));
  return entry ? textOfPhrase(entry.text) : undefined;
}

test("every activity but progress, errors and output is told in words", () => {
  assert.equal(textOf("Offer"), "ada started it");
  assert.equal(textOf("Accept", { attempt: 2 }), "w1 began attempt 2");
  assert.equal(textOf("Undo"), "ada asked to stop it");
  assert.equal(textOf("Update", { status: "failed", errors: 2 }), "Failed at 70 %, with 2 errors");
  assert.equal(textOf("Update", { status: "failed", errors: 0, exitCode: 2 }), "Failed at 70 %, with exit code 2");
  assert.equal(textOf("Update", { status: "failed", exitCode: -9, indeterminate: true }), "Failed, with signal 9");
  assert.equal(textOf("Update", { status: "stopped" }), "Stopped at 70 %");
  assert.equal(textOf("Update", { status: "succeeded", progress: 100, exitCode: 0 }), "Succeeded");
  for (const type of ["Update", "Flag", "Add"]) assert.equal(textOf(type), undefined);
});

test("an entry is of a kind that is asked for", () => {
  assert.deepEqual(KINDS, ["start", "stop", "status"]);
});

test("names are shown without what turns or colours them", () => {
  const by = { actor: { name: "\u202eada\x1b[1m" } };
  assert.equal(textOf("Offer", {}, by), "\u2068\u202eada\u202c\u2069 started it");
  assert.equal(textOf("Offer", {}, { actor: { name: "\x07" } }), "somebody started it");
});

test("a build that nobody took over says why it was given up", () => {
  const entry = entryOf(activity("Update", { status: "failed", attempt: 2, seq: 0, error: "Not heard of since 10:14." }));
  assert.equal(entry.text, "It was given up");
  assert.equal(entry.error, "Not heard of since 10:14.");
});

const told = (entries, errors = new Map(), state = null) =>
  timelineOf(entries.map(entryOf), errors, state).map(({ text }) => textOfPhrase(text));

test("that a worker was lost is told where the next one begins", () => {
  const entries = [
    activity("Offer", { attempt: 0, seq: 0 }),
    activity("Accept", { seq: 0 }),
    activity("Accept", { attempt: 2, seq: 0 }, { actor: { name: "w2" } }),
    activity("Update", { attempt: 2, seq: 9, status: "succeeded", progress: 100 }),
  ];
  assert.deepEqual(told(entries), [
    "ada started it",
    "w1 began attempt 1",
    "w1 was lost: it was not heard of any more",
    "w2 began attempt 2",
    "Succeeded",
  ]);
  const two = entries.slice(0, 2);
  assert.deepEqual(told(two, new Map(), { status: "running", lost: true }).slice(2), [
    "w1 was lost: it was not heard of any more",
  ]);
  assert.equal(told(two, new Map(), { status: "running", lost: false }).length, 2);
  const givenUp = activity("Update", { attempt: 2, seq: 0, status: "failed" });
  assert.deepEqual(told([...two, givenUp]).slice(2), ["w1 was lost: it was not heard of any more", "It was given up"]);
});

test("a stop comes before the end, whatever it knew of the build", () => {
  const entries = [
    activity("Offer", { attempt: 0, seq: 0 }),
    activity("Undo", { attempt: 0, seq: 0 }),
    activity("Accept", { seq: 0 }),
    activity("Update", { seq: 5, status: "stopped" }),
  ];
  assert.deepEqual(told(entries).slice(-1), ["Stopped at 70 %"]);
  assert.equal(told(entries).length, 4);
});

test("the first error of an attempt has an entry that leads to it", () => {
  const errors = new Map(
    [
      { attempt: 1, seq: 5, number: 2 },
      { attempt: 1, seq: 4, number: 1 },
    ].map((error) => [`${error.attempt}.${error.seq}`, { published: "2026-11-21T10:15:00Z", ...error }]),
  );
  const line = timelineOf([activity("Accept", { seq: 0 })].map(entryOf), errors, null);
  assert.deepEqual(line.map(({ text, href }) => [textOfPhrase(text), href]).slice(1), [["First error", "#error-1"]]);
});

test("history that is behind is noticed", () => {
  const entries = [activity("Offer", { attempt: 0 }), activity("Accept")].map(entryOf);
  const running = { status: "running", attempt: 1, errors: 1, stopping: false };
  assert.equal(isComplete(entries, running), true);
  assert.equal(isComplete(entries, { ...running, attempt: 2 }), false);
  assert.equal(isComplete(entries.slice(0, 1), { ...running, status: "queued", attempt: 0 }), true);
  assert.equal(isComplete(entries, { ...running, stopping: true }), false);
  assert.equal(isComplete(entries, { ...running, status: "failed" }), false);
  const ended = [...entries, entryOf(activity("Update", { status: "failed" }))];
  assert.equal(isComplete(ended, { ...running, status: "failed" }), true);
});
