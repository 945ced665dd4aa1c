import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyText } from "../../web/scripts/builds/empty-text.js";
import { rightsOf } from "../../web/scripts/person/grants.js";

const ALL = { project: null, build: null };
const ACME = { project: "acme", build: null };
const BUILD = { project: "acme", build: "b1" };

const said = (place, grants, changes = {}) => {
  const visitor = { rights: rightsOf(grants), why: "", ...changes.visitor };
  return emptyText(place, { refusal: "", trouble: "", pictured: true, ...changes, visitor });
};

test("whoever may start a build is told how", () => {
  assert.match(said(ALL, ["start:*"]), /Press “Start a build”/);
  assert.match(said(ALL, ["start:web"]), /Press “Start a build”/);
  assert.match(said(ACME, ["start:acme"]), /Press “Start a build”/);
});

test("whoever may not is not", () => {
  assert.equal(said(ALL, ["read:builds/#"]), "No builds yet.");
  assert.equal(said(ACME, ["start:web"]), "No builds yet.");
});

test("a build that is not there is told", () => {
  assert.match(said(BUILD, ["start:*"]), /^This build is not known here/);
});

test("before the first picture it says what it waits for", () => {
  assert.equal(said(ALL, [], { pictured: false }), "Waiting for the gateway…");
  assert.equal(said(ALL, [], { pictured: false, trouble: "It is away." }), "It is away.");
});

test("what is said elsewhere is not said again", () => {
  assert.equal(said(ALL, [], { refusal: "No." }), "");
  assert.equal(said(ALL, [], { pictured: false, visitor: { why: "Sign in." } }), "");
});
