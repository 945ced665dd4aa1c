import assert from "node:assert/strict";
import { test } from "node:test";

import { factsOf } from "../../web/scripts/build/facts.js";
import {
  barOf,
  leftOf,
  lostOf,
  phaseOf,
  stepsOf,
  subjectOf,
  timeOf,
  unknownText,
  usualOf,
} from "../../web/scripts/build/state-words.js";
import { textOf } from "../../web/scripts/text/phrase.js";
import { stateOf } from "./states.js";

const now = Date.parse("2026-11-21T10:15:06Z"); // 10 s after it began
const live = { now, live: true };
const ended = { status: "failed", running: false, ended: "2026-11-21T10:15:00Z" };

test("what a build is stands below its name", () => {
  assert.deepEqual(subjectOf(undefined), []);
  assert.deepEqual(subjectOf(stateOf()), []);
  assert.deepEqual(subjectOf(stateOf({ title: "make\x1b[1m -j8", job: "test" })).map(textOf), ["make -j8", "job test"]);
});

test("steps are told as far as they are counted", () => {
  assert.equal(stepsOf({}), "");
  assert.equal(stepsOf({ done: 3, total: 7 }), "Step 3 of 7");
  assert.equal(stepsOf({ done: 0, total: 7, status: "succeeded" }), "");
  assert.equal(stepsOf({ done: 4, total: 7, status: "failed" }), "4 of 7 steps done");
  assert.equal(stepsOf({ done: 1 }), "1 step done");
  assert.equal(stepsOf({ done: 1200, total: 3400 }), "Step 1,200 of 3,400");
});

test("a phase is told while it runs", () => {
  assert.equal(textOf(phaseOf(stateOf({ phase: "Linking\x1b[1m" }))), "Linking");
  assert.equal(phaseOf(stateOf({ phase: "Linking", ...ended })), null);
  assert.equal(phaseOf(stateOf()), null);
});

test("how long it runs, ran or waits", () => {
  assert.match(timeOf(stateOf(), live), /^Running for 10 s, since /);
  assert.match(timeOf(stateOf(), { now, live: false }), /^Running since /);
  assert.match(timeOf(stateOf({ lost: true }), live), /^Began /);
  assert.match(timeOf(stateOf({ status: "queued", started: null }), live), /^Waiting for 11 s, since /);
  assert.equal(timeOf(stateOf(ended), live), "Took 4.0 s, ended 6 s ago");
  assert.equal(timeOf(stateOf({ ...ended, started: ended.ended }), live), "Took less than 0.1 s, ended 6 s ago");
  assert.equal(timeOf(stateOf({ ...ended, started: null }), live), "Ended 6 s ago");
});

test("what is left is told of a running build of which somebody knows", () => {
  const expectedEnd = "2026-11-21T10:15:46Z";
  assert.equal(leftOf(stateOf(), live), "");
  assert.equal(leftOf(stateOf({ expectedEnd }), live), "about 40 s left");
  assert.equal(leftOf(stateOf({ expectedEnd }), { now: now + 52_000, live: true }), "12 s over its usual time");
  for (const not of [{ lost: true }, { stopping: true }, ended]) assert.equal(leftOf(stateOf({ expectedEnd, ...not }), live), "");
  assert.equal(leftOf(stateOf({ expectedEnd }), { now, live: false }), "");
});

test("the usual time is that of the gateway, or that of earlier builds", () => {
  assert.equal(usualOf(stateOf({ expectedEnd: "2026-11-21T10:16:16Z" }), 1000), "usually takes 1 min 20 s");
  assert.equal(usualOf(stateOf(ended), 41_000), "usually takes 41 s");
  assert.equal(usualOf(stateOf(ended), null), "");
});

test("where nobody counts, the bar goes by the usual time and says so", () => {
  assert.deepEqual(barOf(stateOf(), now), { filled: 0.4, guessed: false });
  assert.deepEqual(barOf(stateOf({ indeterminate: true }), now), { filled: null, guessed: true });
  const expectedEnd = "2026-11-21T10:15:16Z";
  assert.deepEqual(barOf(stateOf({ indeterminate: true, expectedEnd }), now), { filled: 0.5, guessed: true });
  assert.equal(barOf(stateOf({ indeterminate: true, expectedEnd }), now + 99_000).filled, 0.99);
  assert.equal(barOf(stateOf({ indeterminate: true, expectedEnd, lost: true }), now).filled, null);
  assert.deepEqual(barOf(stateOf({ indeterminate: true, ...ended }), now), { filled: 1, guessed: false });
});

test("a lost build says what comes of it", () => {
  assert.equal(lostOf(stateOf(), 1), "");
  assert.match(textOf(lostOf(stateOf({ lost: true }), 1)), /^w1 is not heard of. Another worker takes/);
  assert.match(textOf(lostOf(stateOf({ lost: true }), 0)), /as soon as a worker is online/);
  assert.match(textOf(lostOf(stateOf({ lost: true, queued: null }), 1)), /Nobody takes this build over/);
});

test("a build that is not there says why", () => {
  const visitor = { why: "" };
  assert.equal(unknownText({ refusal: "No.", trouble: "", known: true, visitor }), "No.");
  assert.equal(unknownText({ refusal: "", trouble: "Away.", known: false, visitor }), "Away.");
  assert.equal(unknownText({ refusal: "", trouble: "", known: false, visitor }), "Waiting for the gateway…");
  assert.match(unknownText({ refusal: "", trouble: "", known: true, visitor }), /not known here/);
  assert.equal(unknownText({ refusal: "", trouble: "", known: true, visitor: { why: "Sign in." } }), "");
});

const said = (state) =>
  Object.fromEntries(factsOf(state, now).map(({ name, said: text }) => [name, textOf(text)]));

test("facts are told where there are any, in the words of others without what turns them", () => {
  const facts = said(
    stateOf({
      ...ended,
      script: null,
      title: "make\x1b[1m -j8",
      job: "test",
      parameters: { stage: "test", note: "" },
      exitCode: 2,
      by: "\u202eada",
      url: "https://ci.example/7",
    }),
  );

  assert.equal(facts.stage, "test");
  assert.equal(facts.note, "(empty)");
  assert.equal(facts["Exit code"], "2");
  assert.equal(facts["Started by"], "\u2068\u202eada\u202c\u2069");
  assert.equal(facts.Waited, "1 s");
  assert.ok(!("Priority" in facts) && !("Attempt" in facts) && !("Pretends" in facts));
});

test("a signal, a script and a high priority are told in words", () => {
  const facts = said(stateOf({ exitCode: -9, priority: "high", attempt: 2 }));
  assert.equal(facts["Exit code"], "-9, ended by signal 9");
  assert.equal(facts.Pretends, "10 s, 10 steps, errors at 70 %");
  assert.equal(facts.Priority, "high");
  assert.equal(facts.Attempt, "2");
});

test("only an address of the web is followed", () => {
  const href = (url) => factsOf(stateOf({ url }), now).find(({ name }) => name === "Elsewhere")?.href;
  assert.equal(href("https://ci.example/7"), "https://ci.example/7");
  assert.equal(href("javascript:alert(1)"), undefined);
  assert.equal(href("nonsense"), undefined);
});
