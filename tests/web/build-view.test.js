import assert from "node:assert/strict";
import { test } from "node:test";

import { shortId, statusOf, summaryOf, toneOf } from "../../web/scripts/builds/build-view.js";
import { cardOf } from "../../web/scripts/builds/list-view.js";
import { rightsOf } from "../../web/scripts/person/grants.js";
import { textOf } from "../../web/scripts/text/phrase.js";
import { stateOf } from "./states.js";

const START = Date.parse("2026-11-21T10:14:56.000Z");
const ALL = rightsOf(["start:*", "stop:*"]);
const view = (changes, context) =>
  cardOf(stateOf(changes), { rights: ALL, now: START + 12_000, live: true, ...context });

test("the status is said in words", () => {
  const said = (changes) => statusOf(stateOf(changes), START);
  assert.equal(said({}), "Running 40 %");
  assert.equal(said({ status: "queued", ahead: null }), "Queued");
  assert.equal(said({ status: "queued", ahead: 0 }), "Queued, next in line");
  assert.equal(said({ status: "queued", ahead: 1 }), "Queued, 1 build ahead");
  assert.equal(said({ status: "queued", ahead: 3 }), "Queued, 3 builds ahead");
  assert.equal(said({ stopping: true }), "Stopping… 40 %");
  assert.equal(said({ lost: true }), "Lost at 40 %");
  assert.equal(said({ status: "succeeded", progress: 100 }), "Succeeded");
  assert.equal(said({ status: "failed", progress: 100 }), "Failed");
  assert.equal(said({ status: "failed" }), "Failed at 40 %");
  assert.equal(said({ status: "stopped" }), "Stopped at 40 %");
  assert.equal(said({ status: "stopped", progress: 0 }), "Stopped");
});

test("a percentage that is not known is not said", () => {
  const unmeasured = { indeterminate: true, progress: 0, errors: 1 };
  const said = (changes) => statusOf(stateOf({ ...unmeasured, ...changes }), START);
  assert.equal(said({}), "Running");
  assert.equal(said({ stopping: true }), "Stopping…");
  assert.equal(said({ lost: true }), "Lost");
  for (const [status, words] of [["failed", "Failed"], ["stopped", "Stopped"], ["succeeded", "Succeeded"]]) {
    assert.equal(said({ status }), words);
  }
  assert.equal(view(unmeasured).progress, null);
});

test("nobody is promised while no worker is online", () => {
  const queued = { status: "queued", ahead: 0, started: null };
  const told = (facts, workers) => view(facts, { workers });
  assert.equal(told(queued, 0).status, "Queued, waits for a worker");
  assert.equal(told(queued, 1).status, "Queued, next in line");
  assert.equal(told(queued, null).status, "Queued, next in line");
  const gone = { lost: true };
  assert.equal(told(gone, 0).time, "its worker is gone; it waits for a worker");
  assert.equal(told(gone, 1).time, "its worker is gone; another will take over");
  assert.equal(told({ ...gone, stopping: true }, 0).time, "its worker is gone; it waits for a worker");
  assert.equal(told({ ...gone, queued: null, started: null }, 1).time, "its worker is gone; nobody takes it over");
});

test("a build that was not asked for by a start cannot be started again", () => {
  const ended = { status: "succeeded", script: { seconds: 1, steps: 2, errors: [] } };
  assert.equal(view(ended).button.label, "Start again");
  assert.equal(view({ ...ended, queued: null }).button, null);
  assert.equal(view({ ...ended, script: null }).button, null);
  assert.equal(view({ ...ended, script: null, job: "deploy" }).button.label, "Start again");
});

test("a delayed build says until when it waits, and is queued from then on", () => {
  const delayed = stateOf({
    status: "queued",
    attempt: 0,
    worker: null,
    started: null,
    ahead: 1,
    queued: "2026-11-21T10:14:46.000Z",
    notBefore: "2026-11-21T10:17:56.000Z",
  });
  const shown = (now, more) => cardOf({ ...delayed, ...more }, { rights: ALL, now, live: true });
  assert.match(shown(START).status, /^Waits until \d+:\d\d.*, in 3 min$/);
  assert.match(shown(START + 150_000).status, /, in 30 s$/);
  assert.equal(shown(START).look, "delayed");
  assert.equal(shown(START).time, "requested 10 s ago");
  const due = shown(START + 185_000);
  assert.deepEqual([due.look, due.status], ["queued", "Queued, 1 build ahead"]);
  assert.equal(due.time, "waiting for 5 s");
  assert.equal(shown(START, { stopping: true }).look, "stopping");
});

test("a lost build does not look like one that runs", () => {
  const { look, tone, time } = view({ lost: true });
  assert.deepEqual([look, tone], ["lost", "idle"]);
  assert.equal(time, "its worker is gone; another will take over");
  assert.equal(view({ lost: true, errors: 1 }).tone, "bad");
  assert.equal(view({ lost: true, status: "failed", errors: 1 }).look, "failed");
});

test("the bar turns red on the first error and stays so", () => {
  assert.equal(toneOf(stateOf()), "good");
  assert.equal(toneOf(stateOf({ errors: 1 })), "bad");
  assert.equal(toneOf(stateOf({ errors: 1, status: "stopped" })), "bad");
  assert.equal(toneOf(stateOf({ status: "succeeded" })), "good");
  assert.equal(toneOf(stateOf({ status: "stopped" })), "idle");
});

test("errors are counted, and the newest is told", () => {
  assert.deepEqual([view({}).errors, view({}).error], ["", ""]);
  const { errors, error } = view({ errors: 2, error: "step 7: no" });
  assert.deepEqual([errors, error], ["2 errors", "step 7: no"]);
  assert.equal(view({ errors: 1 }).errors, "1 error");
});

test("there is no button for what one may not do", () => {
  const button = (grants, changes) => view(changes, { rights: rightsOf(grants) }).button?.action;
  const ended = { status: "failed" };
  assert.equal(button(["start:acme"]), undefined);
  assert.equal(button(["start:acme"], ended), "start");
  assert.equal(button(["stop:acme"]), "stop");
  assert.equal(button(["stop:acme"], ended), undefined);
  assert.equal(button(["start:web", "stop:web"]), undefined);
  assert.equal(button(["start:web", "stop:web"], ended), undefined);
});

test("the button stops what goes on and starts again what has ended", () => {
  const button = (changes, note) => view(changes, { note }).button;
  assert.deepEqual(button({}), { action: "stop", label: "Stop", disabled: false });
  assert.deepEqual(button({ status: "queued" }).label, "Stop");
  assert.deepEqual(button({ stopping: true }), {
    action: "stop",
    label: "Stopping…",
    disabled: true,
  });
  assert.deepEqual(button({}, { busy: true }).label, "Stopping…");
  assert.deepEqual(button({ status: "failed" }), {
    action: "start",
    label: "Start again",
    disabled: false,
  });
  assert.deepEqual(button({ status: "failed" }, { busy: true }).disabled, true);
});

test("what no worker here can do again has no button once it has ended", () => {
  for (const script of [null, undefined]) {
    assert.equal(view({ script, status: "succeeded" }).button, null);
    assert.equal(view({ script, status: "failed" }, { note: { busy: true } }).button, null);
    assert.equal(view({ script }).button.label, "Stop");
  }
});

test("only what can still change becomes stale when the page is not live", () => {
  assert.equal(view({}, { live: false }).stale, true);
  assert.equal(view({}, { live: true }).stale, false);
  assert.equal(view({ status: "failed" }, { live: false }).stale, false);
});

test("it says who started, who stopped, where and which attempt", () => {
  const facts = (changes) => view(changes).facts.map(textOf);
  assert.deepEqual(facts({}), ["started by ada"]);
  assert.deepEqual(view({}).where.map(textOf), ["on w1"]);
  assert.deepEqual(facts({ attempt: 2, lost: true }), [
    "started by ada",
    "w1 is offline",
    "attempt 2",
  ]);
  assert.equal(facts({ stopping: true, stoppedBy: "bob" })[1], "asked to stop by bob");
  const stopped = { status: "stopped", stoppedBy: "bob", ended: "2026-11-21T10:15:00.500Z" };
  assert.deepEqual(facts(stopped), [
    "started by ada",
    "stopped by bob",
  ]);
});

test("a name that shows nothing is left out", () => {
  assert.deepEqual(view({ by: "\x1b[31m\x00 ", worker: "\x07" }).facts, []);
});

test("an error is shown as a terminal would, without colours", () => {
  assert.equal(view({ errors: 1, error: "\x1b[31mERROR\x1b[0m x" }).error, "ERROR x");
});

test("a state with the bare minimum can be shown", () => {
  const bare = {
    project: "a",
    build: "b",
    status: "running",
    progress: 1,
    errors: 0,
    attempt: 1,
    seq: 0,
  };
  const shown = cardOf(bare, { rights: ALL, now: START, live: true });
  assert.deepEqual([shown.status, shown.facts, shown.time], ["Running 1 %", [], ""]);
});

test("a build id is shortened to the part that differs", () => {
  assert.equal(shortId("0193a1b2c3d47e5f8a9b0c1d2e3f4a5b"), "2e3f4a5b");
  assert.equal(shortId("nightly-7"), "nightly-7");
});

test("the title counts what goes on", () => {
  assert.equal(summaryOf({ running: 2, queued: 1, failed: 9 }), "2 running, 1 queued");
  assert.equal(summaryOf({ running: 1, lost: 4, queued: 2 }), "1 running, 4 lost, 2 queued");
  assert.equal(summaryOf({ queued: 1, delayed: 2 }), "1 queued, 2 delayed");
  assert.equal(summaryOf({ failed: 9 }), "");
});
