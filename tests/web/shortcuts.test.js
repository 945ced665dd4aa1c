import assert from "node:assert/strict";
import { test } from "node:test";

import { keysAreOn, meaningOf, stepFrom } from "../../web/scripts/comfort/shortcuts.js";

test("keys and what they mean", () => {
  assert.deepEqual(meaningOf({ key: "j" }), { step: 1 });
  assert.deepEqual(meaningOf({ key: "ArrowUp" }), { step: -1 });
  assert.deepEqual(meaningOf({ key: "?" }), { help: true });
  assert.deepEqual(meaningOf({ key: "/" }), { press: "/" });
  for (const key of [" ", "Enter", "Tab", "Escape", "F5"]) assert.equal(meaningOf({ key }), null, key);
});

test("a key with a modifier is the browser's", () => {
  for (const modifier of ["ctrlKey", "metaKey", "altKey", "isComposing", "defaultPrevented"]) {
    assert.equal(meaningOf({ key: "s", [modifier]: true }), null);
  }
});

test("steps in a list end at its ends", () => {
  assert.equal(stepFrom(-1, 1, 3), 0);
  assert.equal(stepFrom(-1, -1, 3), 2);
  assert.equal(stepFrom(1, 1, 3), 2);
  assert.equal(stepFrom(2, 1, 3), 2);
  assert.equal(stepFrom(0, -1, 3), 0);
  assert.equal(stepFrom(-1, 1, 0), -1);
});

test("keys are on where the browser keeps nothing", () => {
  assert.ok(keysAreOn());
});
