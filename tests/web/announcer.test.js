import assert from "node:assert/strict";
import { test } from "node:test";

import { announcer, isToldOf, newsText } from "../../web/scripts/builds/announcer.js";
import { stateOf } from "./states.js";

const running = stateOf({});
const red = stateOf({ build: "b3", errors: 1, title: "Nightly" });
const failed = stateOf({ status: "failed", errors: 1 });
const succeeded = stateOf({ build: "b2", status: "succeeded", progress: 100 });

test("one ending is told by name, several are counted", () => {
  assert.equal(newsText([failed]), "acme b1: Failed at 40 %");
  assert.equal(newsText([failed, succeeded, succeeded]), "3 builds ended, 1 failed");
  assert.equal(newsText([succeeded, succeeded]), "2 builds ended");
});

test("a build that turns red is told by its title", () => {
  assert.equal(newsText([red]), "acme b3, Nightly: 1 error");
  assert.equal(newsText([red, red]), "2 builds turned red");
  assert.equal(newsText([failed, red]), "1 build ended, 1 failed, 1 turned red");
});

test("news are the end and the first error, not what was so before", () => {
  assert.ok(isToldOf(running, { ...running, errors: 1 }));
  assert.ok(isToldOf({ ...running, errors: 1 }, { ...failed }));
  assert.ok(!isToldOf(undefined, failed));
  assert.ok(!isToldOf(failed, failed));
  assert.ok(!isToldOf({ ...running, errors: 1 }, { ...running, errors: 2 }));
});

test("the news of a moment are one announcement, each build once", () => {
  const element = { textContent: "" };
  let momentEnds;
  const announce = announcer(element, (callback) => (momentEnds = callback));
  announce({ ...failed, status: "running" });
  announce(failed);
  announce(succeeded);
  assert.equal(element.textContent, "");
  momentEnds();
  assert.equal(element.textContent, "2 builds ended, 1 failed");
  announce(succeeded);
  momentEnds();
  assert.equal(element.textContent, "acme b2: Succeeded");
});
