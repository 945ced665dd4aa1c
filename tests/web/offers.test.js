import assert from "node:assert/strict";
import { test } from "node:test";

import { PRETEND, UNKNOWN, choicesOf, known, parametersOf, projectsWithJobs } from "../../web/scripts/start/offers.js";
import { parametersFrom } from "../../web/scripts/start/start-form.js";

const OFFERS = {
  jobs: [
    { project: "acme", job: "bench", parameters: [] },
    { project: "acme", job: "default", parameters: ["stage"] },
    { project: "web", job: "test", parameters: [] },
  ],
  scripts: false,
  more: false,
};
const NOBODY = { jobs: [], scripts: false, more: false };

test("a project has its own jobs to choose from, the default one first", () => {
  assert.deepEqual(choicesOf(OFFERS, "acme"), ["default", "bench"]);
  assert.deepEqual(choicesOf(OFFERS, "web"), ["test"]);
  assert.deepEqual(choicesOf(OFFERS, "other"), []);
  assert.deepEqual(projectsWithJobs(OFFERS), ["acme", "web"]);
});

test("fake builds are offered where workers run them, and before anybody has answered", () => {
  assert.deepEqual(choicesOf({ ...OFFERS, scripts: true }, "web"), ["test", PRETEND]);
  assert.deepEqual(choicesOf({ ...OFFERS, scripts: true }, "other"), [PRETEND]);
  assert.deepEqual(choicesOf(UNKNOWN, "acme"), [PRETEND]);
  assert.deepEqual(choicesOf(NOBODY, "acme"), []);
});

test("while no worker is online what was offered stays", () => {
  assert.equal(known(UNKNOWN, NOBODY), NOBODY);
  assert.equal(known(OFFERS, NOBODY), OFFERS);
  assert.equal(known(NOBODY, OFFERS), OFFERS);
});

test("a job has its parameters, and those that are empty are not given", () => {
  assert.deepEqual(parametersOf(OFFERS, "acme", "default"), ["stage"]);
  assert.deepEqual(parametersOf(OFFERS, "acme", PRETEND), []);
  assert.deepEqual(parametersFrom([["stage", "test"], ["note", ""]]), { stage: "test" });
  assert.equal(parametersFrom([["stage", ""]]), undefined);
});
