import assert from "node:assert/strict";
import test from "node:test";

import { emptyOf, newestEnded, projectAt, shownOf, viewOf } from "../../web/scripts/embed/embed-view.js";
import { textOf } from "../../web/scripts/text/phrase.js";
import { mapOf, stateOf } from "./states.js";

const NOW = Date.parse("2026-11-21T10:16:56Z");
const ended = (build, status = "succeeded") => stateOf({ build, status, running: false, progress: 100, ended: "2026-11-21T10:15:56Z" });

test("the project is in the path, also below a root", () => {
  assert.equal(projectAt("/embed/acme", ""), "acme");
  assert.equal(projectAt("/ci/embed/acme/", "/ci"), "acme");
  assert.equal(projectAt("/", ""), "");
});

test("it shows what runs, else what ended last, else what waits", () => {
  const waiting = stateOf({ build: "b9", status: "queued" });
  assert.equal(shownOf(mapOf(stateOf({ build: "b1" }), ended("b2"), waiting)).build, "b1");
  const running = [stateOf({ build: "b1", errors: 1 }), stateOf({ build: "b2" })];
  assert.equal(shownOf(mapOf(...running)).build, "b1", "the red one");
  assert.equal(shownOf(mapOf(running[1], stateOf({ build: "b1" }))).build, "b2");
  assert.equal(shownOf(mapOf(ended("b1"), ended("b2"), waiting)).build, "b2");
  assert.equal(shownOf(mapOf(waiting)).build, "b9");
  assert.equal(shownOf(new Map()), null);
  assert.equal(newestEnded(mapOf(ended("b1"), ended("b2"), waiting)).build, "b2");
});

test("a running build says how far it is and for how long", () => {
  const builds = mapOf(stateOf({ build: "b1", errors: 2, title: "make -j8" }), stateOf({ build: "b0" }));
  const view = viewOf(builds.get("acme/b1"), builds, { now: NOW, workers: 1 });
  assert.equal(view.status, "Running 40 %, 2 errors");
  assert.equal(view.tone, "bad");
  assert.equal(view.progress, 40);
  assert.equal(view.when, "for 2 min · 1 more running");
  assert.deepEqual(view.title.map(textOf), ["make -j8"]);
});

test("of an unmeasured build there is no number until it has ended", () => {
  const state = stateOf({ indeterminate: true });
  const view = (one) => viewOf(one, mapOf(one), { now: NOW, workers: 1 });
  assert.equal(view(state).progress, null);
  assert.equal(view({ ...ended("b1"), indeterminate: true }).progress, 100);
  assert.equal(view(ended("b1")).when, "1 min ago");
});

test("in place of a build it says why there is none", () => {
  const said = (changes) => emptyOf({ project: "acme", known: true, refusal: null, trouble: "", builds: new Map(), ...changes });
  assert.match(said({}), /^No build of acme yet/);
  assert.equal(said({ builds: mapOf(ended("b1")) }), "");
  assert.equal(said({ known: false }), "Connecting…");
  assert.equal(said({ known: false, trouble: "It is away." }), "It is away.");
  assert.equal(said({ refusal: { code: "not-signed-in", message: "x" } }), "Sign in to Buildfeed to see the builds of acme.");
  assert.equal(said({ refusal: { code: "too-many", message: "Too many." } }), "Too many.");
});
