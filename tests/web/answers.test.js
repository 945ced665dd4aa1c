import assert from "node:assert/strict";
import { test } from "node:test";

import { isDead, isList, isNamed, isOperations, isOverview, isPage, isPhone, isProblem, isState } from "../../web/scripts/api/answers.js";
import { stateOf } from "./states.js";

const STRANGE = [null, undefined, "", "ok", 1, true, [], {}, [{}], { login: "/sign-in" }, { error: "no" }];

test("what others answer in place of the gateway is not taken for its answer", () => {
  for (const fits of [isState, isList, isOverview, isOperations, isDead, isNamed, isPage, isPhone, isProblem]) {
    for (const json of STRANGE) assert.equal(Boolean(fits(json)), false, JSON.stringify(json));
  }
});

test("the state of a build is that of the build that was asked for", () => {
  assert.ok(isState(stateOf()));
  assert.ok(isState(stateOf(), { project: "acme" }));
  assert.ok(!isState(stateOf(), { project: "other" }));
  assert.ok(!isState(stateOf(), { project: "acme", build: "b2" }));
  assert.ok(!isState(stateOf({ seq: "4" })));
});

test("a list has states", () => {
  assert.ok(isList({ builds: [], next: null }));
  assert.ok(isList({ builds: [stateOf()], next: "b1.acme" }));
  assert.ok(!isList({ builds: [{}], next: null }));
  assert.ok(!isList({ builds: [] }));
});

test("a page has activities", () => {
  assert.ok(isPage({ orderedItems: [] }));
  assert.ok(isPage({ orderedItems: [{ id: "1", object: { status: "queued" } }], next: "?after=1" }));
  assert.ok(!isPage({ orderedItems: [{ id: "1" }] }));
  assert.ok(!isPage({ type: "OrderedCollection", first: "?after=0" }));
});

test("a problem of something else is none of ours", () => {
  assert.ok(isProblem({ type: "urn:buildfeed:problem:not-json" }));
  assert.ok(!isProblem({ type: "about:blank", title: "Forbidden" }));
});

test("what operators look at has workers with what they run, and processes", () => {
  const worker = { worker: "w1", builds: [{ project: "acme", build: "b1" }], jobs: [] };
  const now = { queued: { high: 0, normal: 0 }, running: 1, workers: [worker], processes: [{ process: "1", watchers: {} }] };
  assert.ok(isOperations(now));
  assert.ok(!isOperations({ ...now, processes: undefined }));
  assert.ok(!isOperations({ ...now, workers: [{ worker: "w1" }] }));
});

test("letters have the names of their builds and a reason", () => {
  const letter = { project: "acme", build: "b1", reason: "a worker gave up" };
  assert.ok(isDead({ kept: true, letters: [letter] }));
  assert.ok(!isDead({ kept: true, letters: [{ ...letter, reason: null }] }));
  assert.ok(!isDead({ letters: [] }));
});
