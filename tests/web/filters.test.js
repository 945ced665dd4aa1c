import assert from "node:assert/strict";
import { test } from "node:test";

import { NONE, activeOf, choicesIn, countStates, filtersIn, matcher, searchOf } from "../../web/scripts/builds/filters.js";
import { stateOf } from "./states.js";

const fits = (filters, changes) => matcher({ ...NONE, ...filters })(stateOf(changes));

test("an address keeps the filters, and nothing that is empty", () => {
  const filters = { ...NONE, state: "red", text: "ld: no & more", watch: "builds/+/+/error" };
  assert.deepEqual(filtersIn(searchOf(filters)), filters);
  assert.equal(searchOf(NONE), "");
  assert.equal(searchOf({ ...NONE, by: "ada" }), "?by=ada");
});

test("what is not known in an address filters nothing", () => {
  assert.deepEqual(filtersIn("?state=nothing&colour=red&by=%20ada%20"), { ...NONE, by: "ada" });
});

test("a state lets through its own builds", () => {
  assert.ok(fits({ state: "running" }, {}));
  assert.ok(!fits({ state: "running" }, { status: "queued" }));
  assert.ok(fits({ state: "lost" }, { lost: true }));
  assert.ok(!fits({ state: "lost" }, {}));
  assert.ok(fits({ state: "red" }, { errors: 1 }));
  assert.ok(fits({ state: "red" }, { status: "failed" }));
  assert.ok(!fits({ state: "red" }, { status: "succeeded" }));
});

test("project, job and person fit by a part of their names, in any case", () => {
  assert.ok(fits({ project: "cm", by: "AD" }, { job: "deploy" }));
  assert.ok(fits({ job: "dep" }, { job: "deploy" }));
  assert.ok(!fits({ job: "dep" }, { job: null }));
  assert.ok(!fits({ by: "bob" }, {}));
});

test("every word of a text is somewhere in the build", () => {
  const build = { title: "make -j8", error: "ld: cannot find \u001b[31m-lssl", parameters: { stage: "live" } };
  assert.ok(fits({ text: "make lssl" }, build));
  assert.ok(fits({ text: "ACME live" }, build));
  assert.ok(!fits({ text: "make gcc" }, build));
});

test("states are counted as the other filters leave them", () => {
  const builds = [stateOf(), stateOf({ errors: 2 }), stateOf({ status: "queued" }), stateOf({ by: "bob" })];
  const counted = countStates(builds, { ...NONE, by: "ada", state: "queued" });
  assert.deepEqual(counted, { counts: { running: 2, red: 1, queued: 1 }, shown: 1, all: 4 });
});

test("the names to choose from are those of the builds", () => {
  const builds = [stateOf({ job: "test" }), stateOf({ job: "deploy", by: null }), stateOf()];
  assert.deepEqual(choicesIn(builds), { jobs: ["deploy", "test"], people: ["ada"] });
});

test("a filter of the gateway leaves out nothing that came", () => {
  assert.deepEqual(activeOf({ ...NONE, watch: "builds/#", text: "a" }), ["text"]);
});
