import assert from "node:assert/strict";
import { test } from "node:test";

import { knownProjects, projectRows } from "../../web/scripts/projects/known-projects.js";
import { mapOf, stateOf } from "./states.js";

const listed = (project, newest = null) => ({ project, newest, builds: 1, succeeded: 1, seconds: 3, jobs: [] });
const NOW = Date.parse("2026-11-21T10:15:00.000Z");
const names = (rows) => rows.map(({ project }) => project).join(" ");

test("favourites come first, and each part by its names", () => {
  const projects = ["web", "acme", "lib10", "lib9"].map((project) => listed(project));
  assert.equal(names(projectRows(projects, new Map(), new Set(["web", "lib9"]), NOW)), "lib9 web acme lib10");
});

test("the builds of the page are newer than the list, and may be of projects that it lacks", () => {
  const old = stateOf({ build: "a1", status: "succeeded" });
  const builds = mapOf(stateOf({ build: "b1" }), stateOf({ project: "new", build: "b2", status: "queued" }));
  const [acme, fresh] = projectRows([listed("acme", old)], builds, new Set(), NOW);
  assert.deepEqual([acme.newest.build, acme.running], ["b1", 1]);
  assert.deepEqual([fresh.project, fresh.queued, fresh.newest.build], ["new", 1, "b2"]);
});

test("a newest build that the page does not have is kept", () => {
  const newer = stateOf({ build: "c1", status: "failed" });
  const [acme] = projectRows([listed("acme", newer)], mapOf(stateOf({ build: "b1", status: "succeeded" })), new Set(), NOW);
  assert.equal(acme.newest.build, "c1");
});

test("all pages are read", async () => {
  const asked = [];
  const read = async ({ after }) => {
    asked.push(after);
    return after ? { projects: [listed("b")], next: null } : { projects: [listed("a")], next: "a" };
  };
  let times = 0;
  const projects = knownProjects(read, () => (times += 1));
  await projects.read();
  assert.deepEqual([names(projects.listed()), asked, times], ["a b", [undefined, "a"], 1]);
});

test("what is known stays when reading fails, and is forgotten for somebody else", async () => {
  let fails = false;
  const projects = knownProjects(async () => (fails ? Promise.reject(new Error()) : { projects: [listed("a")], next: null }), () => {});
  await projects.read();
  fails = true;
  await projects.read();
  assert.equal(names(projects.listed()), "a");
  projects.forget();
  assert.equal(names(projects.listed()), "");
});
