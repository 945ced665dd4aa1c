import assert from "node:assert/strict";
import { test } from "node:test";

import { sharing, showsBuild, showsLog } from "../../web/scripts/live/sharing.js";
import { stateOf } from "./states.js";

/** A browser: `open` makes its connection, of which `asked` tells what it was asked; `tab()` opens a tab. */
function browser() {
  const all = { asked: [], hear: null, opened: 0, laters: [] };
  const open = (hear, memory) => {
    all.opened += 1;
    Object.assign(all, { hear, memory });
    return {
      ask: (filters, answer) => all.asked.push(["ask", filters, answer]),
      leave: (filters, left) => all.asked.push(["leave", filters, left]),
      renew: () => all.asked.push(["renew"]),
      again() {
        all.asked.push(["again"]);
        hear.closed();
      },
      close: () => all.asked.push(["close"]),
    };
  };
  const tabOf = sharing(open, (work) => all.laters.push(work));
  all.tab = (...filters) => {
    const heard = [];
    const take = tabOf((message) => heard.push(message));
    take(["join", filters, null, "nobody"]);
    return { say: (...message) => take(message), heard, names: () => heard.map(([name]) => name) };
  };
  return all;
}

const ALL = "builds/#";
const ACME = "builds/acme/#";

test("ten tabs are one connection, which each may ask", () => {
  const all = browser();
  const first = all.tab(ALL);
  assert.equal(all.opened, 0); // it has its own
  const tabs = [first, ...Array.from({ length: 9 }, () => all.tab(ALL))];
  assert.equal(all.opened, 1);
  all.hear.opened();
  for (const tab of tabs) assert.deepEqual(tab.names().slice(-1), ["opened"]);
  tabs[3].say("ask", 7);
  const [[, filters, answer]] = all.asked;
  assert.deepEqual(filters, [ALL]);
  answer.snapshot({ builds: [], more: false });
  assert.deepEqual(tabs[3].heard.slice(-1), [["snapshot", { builds: [], more: false }, 7]]);
  assert.ok(!tabs[4].names().includes("snapshot"));
});

test("a tab gets the builds of its own filters, a log only if it names it", () => {
  const all = browser();
  const [everything, acme, log] = [all.tab(ALL), all.tab(ACME), all.tab("builds/acme/b1/log")];
  all.hear.opened();
  all.hear.build(stateOf());
  all.hear.build(stateOf({ project: "other" }));
  all.hear.log({ project: "acme", build: "b1", text: "…" });
  const builds = ({ names }) => names().filter((name) => name === "build").length;
  assert.deepEqual([everything, acme, log].map(builds), [2, 1, 0]);
  assert.deepEqual(
    [everything, acme, log].map(({ names }) => names().includes("log")),
    [false, false, true],
  );
});

test("a tab that comes later hears how things are", () => {
  const all = browser();
  all.tab(ALL);
  all.tab(ALL);
  all.hear.troubled("The gateway cannot be reached.", false);
  assert.deepEqual(all.tab(ALL).heard, [["closed"], ["troubled", "The gateway cannot be reached.", false]]);
  all.hear.opened();
  all.hear.feed({ workers: 2 });
  assert.deepEqual(all.tab(ALL).heard, [["opened"], ["feed", { workers: 2 }]]);
});

test("who signs in makes all tabs connect anew, once, though each of them asks for it", () => {
  const all = browser();
  const [one, other] = [all.tab(ALL), all.tab(ALL)];
  all.hear.opened();
  one.say("again", "ada");
  assert.deepEqual(all.asked, [["again"]]);
  all.hear.opened();
  other.heard.length = 0;
  other.say("again", "ada");
  assert.deepEqual(all.asked, [["again"]]);
  assert.deepEqual(other.names(), ["closed", "opened"]);
  one.say("again", "bob");
  assert.equal(all.asked.length, 2);
});

test("a tab that comes as somebody else makes all connect anew as that one", () => {
  const all = browser();
  const [tab] = [all.tab(ALL), all.tab(ALL)];
  all.hear.opened();
  tab.say("leave");
  tab.say("join", [ALL], null, "ada");
  assert.deepEqual(all.asked, [["again"]]);
});

test("a connection that was lost may be for somebody else afterwards", () => {
  const all = browser();
  const [tab] = [all.tab(ALL), all.tab(ALL)];
  all.hear.opened();
  tab.say("again", "ada");
  all.hear.opened();
  all.hear.closed(); // as when ada's session ends
  all.hear.opened();
  tab.say("again", "ada");
  assert.equal(all.asked.length, 2);
});

test("a tab that leaves takes its filters along, unless others have them", () => {
  const all = browser();
  const [one, same, acme] = [all.tab(ALL), all.tab(ALL), all.tab(ACME)];
  all.hear.opened();
  one.say("leave");
  assert.deepEqual(all.asked, []);
  acme.say("leave");
  const [[name, filters, left]] = all.asked;
  assert.deepEqual([name, filters], ["leave", [ACME]]);
  left([ALL]);
  assert.equal(all.asked.length, 1);
  acme.say("ask", 1); // it has left
  assert.equal(all.asked.length, 1);
  all.hear.build(stateOf());
  assert.deepEqual(same.names().slice(-2), ["opened", "build"]);
});

test("what the gateway took along of other tabs' filters is watched again, and nothing is missed", () => {
  const all = browser();
  const [stays, goes] = [all.tab(ALL), all.tab(ACME)];
  all.hear.opened();
  goes.say("leave");
  all.asked.pop()[2]([]); // of somebody who may read acme only, both are the same
  const [[name, filters, answer]] = all.asked;
  assert.deepEqual([name, filters], ["ask", [ALL]]);
  answer.snapshot({ builds: [stateOf()], more: false });
  assert.deepEqual(stays.heard.slice(-1), [["build", stateOf()]]);
});

test("without tabs the connection ends after a while", () => {
  const all = browser();
  const [one, other] = [all.tab(ALL), all.tab(ALL)];
  other.say("leave");
  one.say("leave");
  const tab = all.tab(ALL); // the next page of the same tab
  all.laters.pop()();
  assert.deepEqual(all.asked, []);
  tab.say("leave");
  all.laters.pop()();
  assert.deepEqual(all.asked, [["close"]]);
  all.tab(ALL);
  all.tab(ALL);
  assert.equal(all.opened, 2);
});

test("a tab that the browser freezes hears nothing until it goes on", () => {
  const all = browser();
  const [, tab] = [all.tab(ALL), all.tab(ALL)];
  all.hear.opened();
  tab.heard.length = 0;
  tab.say("pause");
  all.hear.build(stateOf());
  all.hear.closed();
  all.hear.opened();
  assert.deepEqual(tab.names(), []);
  tab.say("resume");
  assert.deepEqual(tab.names(), ["opened"]);
});

test("the choice of a transport is kept by the tabs", () => {
  const all = browser();
  const [, tab] = [all.tab(ALL), all.tab(ALL)];
  all.memory.remember({ doubts: 1 });
  assert.deepEqual(tab.heard.slice(-1), [["remember", { doubts: 1 }]]);
  assert.deepEqual(all.memory.recall(), { doubts: 1 });
});

test("filters and builds", () => {
  for (const filter of ["#", "builds/#", "+/acme/#", "builds/acme/#", "builds/acme/b1/#", "builds/+/+/status", "builds/+/b1/+"])
    assert.ok(showsBuild([filter], stateOf()), filter);
  for (const filter of ["builds/other/#", "builds/acme/b2/#", "builds/acme/b1/log", "other/#"])
    assert.ok(!showsBuild([filter], stateOf()), filter);
  assert.ok(showsLog(["builds/acme/b1/log"], stateOf()));
  assert.ok(!showsLog(["builds/acme/b1/#", "builds/acme/b2/log"], stateOf()));
});
