import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import { delayOf, scriptOf } from "../../web/scripts/start/start-form.js";
import { randomKey, startKeys } from "../../web/scripts/builds/start-keys.js";

globalThis.crypto ??= webcrypto; // Node 18 has it there only

const counting = () => {
  let count = 0;
  return startKeys(() => `key-${++count}`);
};

test("every press has a key of its own", () => {
  const keys = counting();
  const body = { priority: "normal" };
  assert.equal(keys.of("acme", body), "key-1");
  keys.settle("acme", body);
  assert.equal(keys.of("acme", body), "key-2");
});

test("a press that repeats one of unknown outcome has the same key", () => {
  const keys = counting();
  assert.equal(keys.of("acme", { by: "ada" }), "key-1");
  assert.equal(keys.of("acme", { by: "ada" }), "key-1");
  assert.equal(keys.of("acme", { by: "bob" }), "key-2");
  assert.equal(keys.of("web", { by: "ada" }), "key-3");
});

test("a key is random text", () => {
  assert.match(randomKey(), /^[0-9a-f-]{32,36}$/);
  assert.notEqual(randomKey(), randomKey());
});

test("the script is what the fields say", () => {
  assert.deepEqual(scriptOf({ seconds: "2.5", steps: "10", errors: "70, 90" }), {
    seconds: 2.5,
    steps: 10,
    errors: [70, 90],
  });
  assert.deepEqual(scriptOf({ seconds: "1", steps: "1", errors: " " }).errors, []);
});

test("without a delay none is sent", () => {
  assert.equal(delayOf("90"), 90);
  assert.equal(delayOf(""), undefined);
});
