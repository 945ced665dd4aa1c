import assert from "node:assert/strict";
import { test } from "node:test";

import { cardOf, leftText, nameOf, rowOf } from "../../web/scripts/builds/list-view.js";
import { rightsOf } from "../../web/scripts/person/grants.js";
import { textOf } from "../../web/scripts/text/phrase.js";
import { stateOf } from "./states.js";

const START = Date.parse("2026-11-21T10:14:56.000Z");
const ALL = rightsOf(["start:*", "stop:*"]);
const context = { rights: ALL, now: START + 12_000, live: true };
const card = (changes, more) => cardOf(stateOf(changes), { ...context, ...more });
const row = (changes, more) => rowOf(stateOf(changes), { ...context, ...more });

test("a build is called by its title, else by its job", () => {
  assert.deepEqual(nameOf(stateOf({ title: "make \u001b[1m-j8", job: "test" })), { title: "make -j8", id: "b1" });
  assert.equal(nameOf(stateOf({ job: "test" })).title, "test");
  assert.equal(nameOf(stateOf()).title, "");
});

test("what is left is said as far as it is known", () => {
  const left = (expectedEnd, more) => leftText(stateOf({ expectedEnd, ...more }), START);
  assert.equal(left("2026-11-21T10:15:36.000Z"), "about 40 s left");
  assert.equal(left("2026-11-21T10:15:36.000Z", { stopping: true }), "");
  assert.equal(left("2026-11-21T10:15:36.000Z", { lost: true }), "");
  assert.equal(left("2026-11-21T10:14:00.000Z"), "longer than usual");
  assert.equal(left(null), "");
  assert.equal(card({ expectedEnd: "2026-11-21T10:15:36.000Z" }, { live: false }).left, "");
});

test("the time of a card goes on only while the page is live", () => {
  assert.equal(card({}).time, "running for 12 s");
  assert.match(card({}, { live: false }).time, /^last known, started at \d+:14:56/);
  const queued = { status: "queued", started: null };
  assert.equal(card(queued).time, "waiting for 13 s");
  assert.match(card(queued, { live: false }).time, /^last known, queued at/);
  assert.equal(card({ ...queued, notBefore: "2026-11-21T10:18:00.000Z" }).time, "requested 13 s ago");
  assert.equal(card({ lost: true }).time, "its worker is gone; another will take over");
});

test("a card that has ended says how long it took", () => {
  const ended = { status: "failed", ended: "2026-11-21T10:15:02.000Z" };
  assert.equal(card(ended).time, "took 6.0 s, ended 6 s ago");
});

test("a card says what is done, for whom and where", () => {
  const facts = card({ phase: "Linking", attempt: 2 }).facts.map((one) => textOf(one));
  assert.deepEqual(facts, ["Linking", "started by ada", "attempt 2"]);
});

test("a row has the same in one line", () => {
  const { status, errors, took, when, by, button } = row({
    ...{ status: "failed", errors: 2, ended: "2026-11-21T10:15:02.000Z" },
  });
  assert.deepEqual([status, errors, took, when, by], ["Failed", "2 errors", "6.0 s", "6 s ago", "ada"]);
  assert.equal(button.action, "start");
});

test("a build that never began took no time", () => {
  const { took, when } = row({ status: "stopped", started: null, ended: "2026-11-21T10:15:02.000Z", by: null });
  assert.deepEqual([took, when], ["", "6 s ago"]);
});

test("what one may not do has no button", () => {
  assert.equal(row({ status: "failed" }, { rights: rightsOf([]) }).button, null);
  assert.equal(card({}, { rights: rightsOf([]) }).button, null);
});
