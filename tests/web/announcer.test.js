import assert from "node:assert/strict";
import { test } from "node:test";

import { announcer, endingsText } from "../../web/scripts/announcer.js";
import { stateOf } from "./states.js";

const failed = stateOf({ status: "failed", errors: 1 });
const succeeded = stateOf({ build: "b2", status: "succeeded", progress: 100 });

test("one ending is told by name, several are counted", () => {
  assert.equal(endingsText([failed]), "acme b1: Failed at 40 %");
  assert.equal(endingsText([failed, succeeded, succeeded]), "3 builds ended, 1 failed");
  assert.equal(endingsText([succeeded, succeeded]), "2 builds ended");
});

test("the endings of a moment are one announcement", () => {
  const element = { textContent: "" };
  let momentEnds;
  const announce = announcer(element, (callback) => (momentEnds = callback));
  announce(failed);
  announce(succeeded);
  assert.equal(element.textContent, "");
  momentEnds();
  assert.equal(element.textContent, "2 builds ended, 1 failed");
  announce(succeeded);
  momentEnds();
  assert.equal(element.textContent, "acme b2: Succeeded");
});
