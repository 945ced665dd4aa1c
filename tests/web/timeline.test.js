import assert from "node:assert/strict";
import { test } from "node:test";

import { entryOf, isComplete } from "../../web/scripts/timeline.js";

const activity = (type, object = {}, more = {}) => ({
  id: `${type}-1`,
  type,
  actor: { name: type === "Offer" || type === "Undo" ? "ada" : "w1" },
  published: "2026-11-21T10:15:00Z",
  object: { status: "running", progress: 70, errors: 0, attempt: 1, seq: 3, ...object },
  ...more,
});
const textOf = (...args) => entryOf(activity(...args))?.text;

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
