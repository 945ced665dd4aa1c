import assert from "node:assert/strict";
import { test } from "node:test";

import {
  mayDoEverything,
  mayRead,
  mayReadAll,
  mayStart,
  mayStop,
  NOTHING,
  onlyBuild,
  rightsOf,
  startable,
} from "../../web/scripts/person/grants.js";

const B1 = { project: "acme", build: "b1" };
const OPERATOR = ["operate", "publish:*", "read:builds/#", "start:*", "stop:*"];

test("starts and stops are granted for a project or for all", () => {
  const some = rightsOf(["start:acme", "start:web", "stop:acme"]);
  assert.deepEqual(["acme", "web", "other"].map((name) => mayStart(some, name)), [true, true, false]);
  assert.deepEqual(["acme", "web", "other"].map((name) => mayStop(some, name)), [true, false, false]);
  assert.equal(mayStart(rightsOf(["start:*"]), "other"), true);
  assert.equal(mayStop(rightsOf(["start:*"]), "other"), false);
});

test("the projects to start are named, unless they are all", () => {
  assert.deepEqual(startable(rightsOf(["start:web", "start:acme"])), ["acme", "web"]);
  assert.equal(startable(rightsOf(["start:acme", "start:*"])), null);
  assert.deepEqual(startable(NOTHING), []);
});

test("a build is read in whole when a filter covers all its kinds", () => {
  const reads = (...grants) => mayReadAll(rightsOf(grants), B1);
  for (const filter of ["builds/#", "builds/acme/#", "builds/+/b1/#", "builds/acme/b1/#", "builds/+/+/+"]) {
    assert.equal(reads(`read:${filter}`), true, filter);
  }
  for (const filter of ["builds/web/#", "builds/acme/b2/#", "builds/acme/b1/status", "builds/+/+/log"]) {
    assert.equal(reads(`read:${filter}`), false, filter);
  }
  assert.equal(reads("start:acme", "operate"), false);
});

test("what there is of it is told", () => {
  assert.equal(mayRead(rightsOf(["read:builds/acme/+/status"])), true);
  assert.equal(mayRead(rightsOf(["start:acme", "operate"])), false);
  assert.equal(rightsOf(["operate"]).operate, true);
  assert.equal(NOTHING.operate, false);
});

test("everything is everything that the page has a button for", () => {
  assert.equal(mayDoEverything(rightsOf(OPERATOR)), true);
  for (const without of ["operate", "read:builds/#", "start:*", "stop:*"]) {
    assert.equal(mayDoEverything(rightsOf(OPERATOR.filter((grant) => grant !== without))), false, without);
  }
  assert.equal(mayDoEverything(rightsOf(OPERATOR.map((grant) => grant.replace("/#", "/acme/#")))), false);
});

test("one build is all there is to see only if nothing else is granted", () => {
  const link = "read:builds/acme/b1/#";
  assert.deepEqual(onlyBuild(rightsOf([link])), B1);
  for (const more of ["read:builds/acme/b2/#", "start:acme", "stop:acme", "operate"]) {
    assert.equal(onlyBuild(rightsOf([link, more])), null, more);
  }
  assert.equal(onlyBuild(rightsOf(["read:builds/acme/#"])), null);
  assert.equal(onlyBuild(rightsOf(["read:builds/+/b1/#"])), null);
  assert.equal(onlyBuild(NOTHING), null);
});

test("a grant that the page does not know changes nothing", () => {
  assert.deepEqual(rightsOf(["as:*", "publish:acme", "later"]), NOTHING);
});
