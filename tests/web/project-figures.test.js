import assert from "node:assert/strict";
import test from "node:test";

import { badgeLine, embedLine } from "../../web/scripts/projects/copied-lines.js";
import {
  SHOWN,
  captionOf,
  endedOf,
  entryOf,
  factsOf,
  jobsOf,
  lengthOf,
  percent,
} from "../../web/scripts/projects/project-figures.js";
import { stateOf } from "./states.js";

const NOW = Date.parse("2026-11-21T11:00:00Z");
const at = (seconds) => new Date(Date.parse("2026-11-21T10:00:00Z") + seconds * 1000).toISOString();
const ended = (build, status, seconds, changes = {}) =>
  stateOf({ build, status, running: false, started: at(0), ended: at(seconds), ...changes });
const entriesOf = (states) => endedOf(states).map((state) => entryOf(state, NOW));

test("the chart has the newest builds that ended, the oldest first", () => {
  const many = Array.from({ length: SHOWN + 5 }, (_, i) => ended(`b${1000 + i}`, "succeeded", 1));
  const shown = endedOf([...many, stateOf({ build: "b9" })]);
  assert.equal(shown.length, SHOWN);
  assert.equal(shown[0].build, "b1005");
  assert.equal(shown[SHOWN - 1].build, `b${1000 + SHOWN + 4}`);
});

test("the chart may be of one job", () => {
  const states = [ended("b1", "failed", 1, { job: "lint" }), ended("b2", "succeeded", 1, { job: "test" })];
  assert.deepEqual(endedOf(states, "lint").map(({ build }) => build), ["b1"]);
});

test("an entry says how it ended, how long it took and what it is called", () => {
  const entry = entryOf(ended("b1", "failed", 65, { title: "make\n-j8" }), NOW);
  assert.equal(entry.ended, "Failed");
  assert.equal(entry.length, 65_000);
  assert.equal(entry.title, "make -j8");
  assert.match(entry.href, /\/projects\/acme\/builds\/b1$/);
  assert.equal(entryOf(ended("b1", "stopped", 1, { started: null, job: "lint" }), NOW).length, null);
  assert.equal(entryOf(ended("b1", "stopped", 1, { job: "lint" }), NOW).title, "lint");
});

test("a clock that went back makes no negative length", () => {
  assert.equal(lengthOf({ started: at(9), ended: at(3) }), 0);
});

test("the caption counts, and builds that were stopped are no failures", () => {
  const entries = entriesOf([
    ended("b1", "succeeded", 60),
    ended("b2", "succeeded", 70),
    ended("b3", "failed", 9),
    ended("b4", "stopped", 2),
  ]);
  assert.equal(captionOf(entries), "2 of 3 succeeded (67 %), 1 more was stopped. Usually 1 min 5 s.");
  assert.equal(captionOf([]), "");
  assert.equal(captionOf(entriesOf([ended("b4", "stopped", 2)])), "1 was stopped.");
});

test("nearly all is not all", () => {
  assert.equal(percent(999, 1000), "99 %");
  assert.equal(percent(1, 1000), "1 %");
  assert.equal(percent(1, 1), "100 %");
  assert.equal(percent(0, 9), "0 %");
});

test("the figures say how it goes now", () => {
  const states = [
    ended("b1", "failed", 60),
    ended("b2", "succeeded", 60),
    stateOf({ build: "b3" }),
    stateOf({ build: "b4", status: "queued", queued: at(3500), started: null }),
    stateOf({ build: "b5", status: "queued", queued: at(0), notBefore: at(9999), started: null }),
  ];
  const facts = new Map(factsOf(states, entriesOf(states), NOW).map((fact) => [fact.name, fact]));
  assert.deepEqual(facts.get("Succeeded"), { name: "Succeeded", text: "50 %", detail: "1 of the last 2", look: "" });
  assert.equal(facts.get("Usually takes").text, "1 min");
  assert.equal(facts.get("Running").text, "1");
  assert.equal(facts.get("Waiting").text, "1");
  assert.equal(facts.get("Waiting").detail, "longest 1 min, 1 delayed");
  assert.equal(facts.get("Last failed").text, "59 min ago");
});

test("the share is green where nearly all succeed, red where most fail, and missing while none has ended", () => {
  const of = (...statuses) => {
    const states = statuses.map((status, i) => ended(`b${100 + i}`, status, 60));
    return factsOf(states, entriesOf(states), NOW)[0].look;
  };
  assert.equal(of(...Array(9).fill("succeeded"), "failed"), "succeeded");
  assert.equal(of("succeeded", "failed"), "");
  assert.equal(of("succeeded", "failed", "failed", "stopped"), "failed");
  const names = factsOf([], [], NOW).map(({ name }) => name);
  assert.deepEqual(names, ["Running", "Waiting"]);
});

test("what different jobs take says nothing together", () => {
  const states = [ended("b1", "succeeded", 1, { job: "lint" }), ended("b2", "succeeded", 60, { job: "test" })];
  const names = (entries) => factsOf(states, entries, NOW).map(({ name }) => name);
  assert.deepEqual(names(entriesOf(states)), ["Succeeded", "Running", "Waiting"]);
  assert.equal(captionOf(entriesOf(states)), "2 of 2 succeeded (100 %).");
  const lint = endedOf(states, "lint").map((state) => entryOf(state, NOW));
  assert.deepEqual(names(lint), ["Succeeded", "Usually takes", "Running", "Waiting"]);
});

test("builds that have become slower are told", () => {
  const slower = [60, 61, 59, 60, 60, 60, 90, 92, 91, 90, 93].map((seconds, i) => ended(`b${100 + i}`, "succeeded", seconds));
  const told = (states) => factsOf(states, entriesOf(states), NOW).find(({ name }) => name === "Usually takes").detail;
  assert.equal(told(slower), "lately 1 min 31 s");
  assert.equal(told(slower.slice(0, 6)), "");
});

test("jobs are those that are offered and those that were built", () => {
  const states = [
    ended("b1", "succeeded", 10, { job: "test" }),
    ended("b2", "failed", 20, { job: "test" }),
    ended("b3", "succeeded", 5, { job: "gone" }),
    stateOf({ build: "b4" }),
  ];
  const offered = [
    { job: "test", parameters: ["stage"] },
    { job: "default", parameters: [] },
  ];
  const jobs = jobsOf(states, offered);
  assert.deepEqual(jobs.map(({ job, offered: is }) => [job, is]), [["default", true], ["gone", false], ["test", true]]);
  const test_ = jobs[2];
  assert.deepEqual(test_.parameters, ["stage"]);
  assert.deepEqual(test_.lately, ["succeeded", "failed"]);
  assert.equal(test_.newest.build, "b2");
  assert.equal(test_.usual, 10_000);
  assert.equal(jobs[0].newest, null);
});

test("the lines to copy name the address of Buildfeed", () => {
  assert.equal(
    badgeLine("https://b.example/ci", "acme"),
    "[![acme](https://b.example/ci/badge/acme.svg)](https://b.example/ci/projects/acme)",
  );
  assert.match(badgeLine("https://b.example", "acme", "test"), /acme\.svg\?job=test\)/);
  assert.match(embedLine("https://b.example", "acme"), /^<iframe src="https:\/\/b\.example\/embed\/acme" title="Builds of acme"/);
});
