import assert from "node:assert/strict";
import { test } from "node:test";

import { textOf as textOfPhrase } from "../../web/scripts/phrase.js";
import { entryOf, isComplete, KINDS } from "../../web/scripts/timeline.js";

const activity = (type, object = {}, more = {}) => ({
  id: `${type}-1`,
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

test("every activity but progress and output is told in words", () => {
  assert.equal(textOf("Offer"), "ada started it");
  assert.equal(textOf("Accept", { attempt: 2 }), "w1 began attempt 2");
  assert.equal(textOf("Undo"), "ada asked to stop it");
  assert.equal(textOf("Flag"), "Error at 70 %");
  assert.equal(textOf("Update", { status: "failed", errors: 2 }), "Failed with 2 errors");
  assert.equal(textOf("Update", { status: "stopped" }), "Stopped at 70 %");
  assert.equal(textOf("Update", { status: "succeeded" }), "Succeeded");
  assert.equal(textOf("Update"), undefined);
  assert.equal(textOf("Add"), undefined);
});

test("an entry is of a kind that is asked for", () => {
  assert.deepEqual(KINDS, ["start", "stop", "status", "error"]);
});

test("names and errors are shown without what turns or colours them", () => {
  const by = { actor: { name: "\u202eada\x1b[1m" } };
  assert.equal(textOf("Offer", {}, by), "\u2068\u202eada\u202c\u2069 started it");
  assert.equal(textOf("Offer", {}, { actor: { name: "\x07" } }), "somebody started it");
  assert.equal(entryOf(activity("Flag", {}, { content: "\x1b[31mno\x1b[0m\r\n\tat b\n" })).error, "no\n\tat b");
});

test("an error is told in full", () => {
  const flag = activity("Flag", { error: "short" }, { content: "the whole text" });
  assert.equal(entryOf(flag).error, "the whole text");
});

test("history that is behind is noticed", () => {
  const entries = [activity("Offer"), activity("Flag")].map(entryOf);
  const running = { status: "running", attempt: 1, errors: 1, stopping: false };
  assert.equal(isComplete(entries, running), true);
  assert.equal(isComplete(entries, { ...running, errors: 2 }), false);
  assert.equal(isComplete(entries, { ...running, stopping: true }), false);
  assert.equal(isComplete(entries, { ...running, status: "failed" }), false);
  const ended = [...entries, entryOf(activity("Update", { status: "failed" }))];
  assert.equal(isComplete(ended, { ...running, status: "failed" }), true);
});
