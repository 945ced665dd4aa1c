import assert from "node:assert/strict";
import { test } from "node:test";

import { MINE, isChosen, noticeOf, ofBuild, ofProject } from "../../web/scripts/comfort/notices.js";
import { stateOf } from "./states.js";

const running = stateOf();
const red = stateOf({ errors: 1, error: "main.c:3: \u001b[31merror\u001b[0m" });
const failed = stateOf({ status: "failed", progress: 70, errors: 2, error: "oops" });

test("a choice is a build, a project, or one's own builds", () => {
  assert.ok(isChosen(new Set([ofBuild(running)]), running, ""));
  assert.ok(isChosen(new Set([ofProject(running)]), running, ""));
  assert.ok(isChosen(new Set([MINE]), running, "ada"));
  assert.ok(!isChosen(new Set([MINE]), running, "bob"));
  assert.ok(!isChosen(new Set([MINE]), stateOf({ by: "" }), ""));
  assert.ok(!isChosen(new Set([ofBuild({ project: "acme", build: "b2" })]), running, ""));
});

test("the first error and the end are told, once each, by tags of their own", () => {
  assert.deepEqual(noticeOf(running, red), {
    tag: "acme/b1 red",
    title: "acme b1 has its first error",
    body: "main.c:3: error",
  });
  assert.equal(noticeOf(red, { ...red, errors: 2 }), null);
  assert.deepEqual(noticeOf(red, failed), { tag: "acme/b1 ended", title: "acme b1: Failed at 70 %, 2 errors", body: "oops" });
  assert.equal(noticeOf(failed, failed), null);
});

test("what is new to the page is no news", () => {
  assert.equal(noticeOf(undefined, failed), null);
  assert.equal(noticeOf(running, { ...running, progress: 50 }), null);
});

test("a title comes first, a long error is cut", () => {
  const { body } = noticeOf(running, { ...red, title: "Nightly", error: "x".repeat(1000) });
  assert.match(body, /^Nightly\n\u2068x{160}…\u2069$/);
});
