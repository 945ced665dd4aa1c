import assert from "node:assert/strict";
import { test } from "node:test";

import {
  afterSnapshot,
  byNewest,
  countByStatus,
  countChanged,
  fold,
  hasEnded,
  isDelayed,
  keyOf,
  lacksUnfinished,
  projectsOf,
} from "../../web/scripts/builds/builds.js";
import { mapOf, stateOf } from "./states.js";

const NOW = Date.parse("2026-11-21T10:15:00Z");

const foldAll = (states) => states.reduce(fold, undefined);

function* permutations(list) {
  if (list.length < 2) yield list;
  for (const [i, first] of list.entries()) {
    for (const rest of permutations(list.filter((_, j) => j !== i))) {
      yield [first, ...rest];
    }
  }
}

const lives = {
  "one attempt": [
    stateOf({ status: "queued", attempt: 0, seq: 0, progress: 0 }),
    stateOf({ seq: 0, progress: 0 }),
    stateOf({ seq: 3, progress: 30 }),
    stateOf({ seq: 7, progress: 70, errors: 1 }),
    stateOf({ seq: 11, progress: 100, errors: 1, status: "failed" }),
  ],
  "a takeover, and what the lost attempt still sends": [
    stateOf({ seq: 2, progress: 20 }),
    stateOf({ seq: 9, progress: 90 }),
    stateOf({ attempt: 2, seq: 1, progress: 10 }),
    stateOf({ attempt: 2, seq: 12, progress: 100, status: "succeeded" }),
    stateOf({ seq: 12, progress: 100, status: "failed" }),
  ],
  "stopped before it ran": [
    stateOf({ status: "queued", attempt: 0, seq: 0 }),
    stateOf({ status: "stopped", attempt: 0, seq: 1, stoppedBy: "bob" }),
    stateOf({ seq: 0, progress: 0 }),
    stateOf({ seq: 1, status: "stopped", progress: 10 }),
  ],
  "asked to stop, and going on": [
    stateOf({ seq: 3 }),
    stateOf({ seq: 3, stopping: true, stoppedBy: "bob" }),
    stateOf({ seq: 5 }),
    stateOf({ attempt: 2, seq: 0 }),
  ],
};

for (const [life, states] of Object.entries(lives)) {
  test(`any order and any repetition gives the same picture: ${life}`, () => {
    const picture = foldAll(states);
    for (const order of permutations(states)) {
      assert.deepEqual(foldAll(order), picture);
      assert.deepEqual(foldAll([...order, ...order]), picture);
    }
  });
}

test("whatever comes, and whatever snapshots say, no older state is shown", () => {
  for (const [life, states] of Object.entries(lives)) {
    for (const order of permutations(states)) {
      let builds = new Map();
      const heard = new Set();
      for (const [place, state] of order.entries()) {
        const key = keyOf(state);
        const before = builds.get(key);
        if (place % 2) {
          builds = afterSnapshot(builds, { builds: [state], more: false }, heard);
        } else {
          builds.set(key, fold(before, state));
          heard.add(key);
        }
        const shown = builds.get(key);
        if (before) assert.deepEqual(fold(shown, before), shown, life);
      }
      assert.deepEqual([...builds.values()], [foldAll(states)], life);
    }
  }
});

test("an ending beats what is not one, whatever its attempt", () => {
  const ending = stateOf({ status: "failed", attempt: 1, seq: 9 });
  assert.equal(fold(ending, stateOf({ attempt: 3, seq: 1 })), ending);
  assert.equal(fold(stateOf({ attempt: 3, seq: 1 }), ending), ending);
});

test("of two endings the smaller counts, of two others the larger", () => {
  const first = stateOf({ status: "failed", seq: 9 });
  const second = stateOf({ status: "succeeded", attempt: 2, seq: 3 });
  assert.equal(fold(first, second), first);
  assert.equal(fold(second, first), first);
  assert.equal(fold(stateOf({ seq: 4 }), stateOf({ seq: 3 })).seq, 4);
  assert.equal(fold(stateOf({ seq: 4 }), stateOf({ attempt: 2, seq: 0 })).attempt, 2);
});

test("a refresh with the same order replaces", () => {
  const known = stateOf({ status: "queued", attempt: 0, seq: 0, ahead: 3 });
  assert.equal(fold(known, { ...known, ahead: 2 }).ahead, 2);
  assert.equal(fold(stateOf({ lost: true }), stateOf({ lost: false })).lost, false);
});

test("a state that says nothing new is the known one itself", () => {
  const known = stateOf({ seq: 5 });
  assert.equal(fold(known, stateOf({ seq: 4 })), known);
});

test("once asked to stop, a build is stopping until it ends", () => {
  const stopping = stateOf({ stopping: true, stoppedBy: "bob" });
  const later = fold(stopping, stateOf({ seq: 5 }));
  assert.deepEqual([later.stopping, later.stoppedBy, later.seq], [true, "bob", 5]);
  const ended = fold(later, stateOf({ seq: 6, status: "stopped" }));
  assert.deepEqual([ended.stopping, ended.stoppedBy], [false, "bob"]);
});

test("the known state is not changed by folding", () => {
  const known = Object.freeze(stateOf({ stopping: true, stoppedBy: "bob" }));
  fold(known, Object.freeze(stateOf({ seq: 9 })));
  assert.equal(known.seq, 4);
});

test("a snapshot replaces the picture, but newer local states stay", () => {
  const gone = stateOf({ build: "gone" });
  const newer = stateOf({ build: "newer", seq: 8 });
  const older = stateOf({ build: "older", seq: 1 });
  const snapshot = {
    builds: [stateOf({ build: "newer", seq: 5 }), stateOf({ build: "older", seq: 5 })],
    more: false,
  };
  const after = afterSnapshot(mapOf(gone, newer, older), snapshot, new Set());
  assert.deepEqual([...after.keys()].sort(), ["acme/newer", "acme/older"]);
  assert.equal(after.get("acme/newer").seq, 8);
  assert.equal(after.get("acme/older").seq, 5);
});

test("what was heard of since the connection began outlives the snapshot", () => {
  const fresh = stateOf({ build: "fresh" });
  const after = afterSnapshot(mapOf(fresh), { builds: [], more: false }, new Set(["acme/fresh"]));
  assert.equal(after.get("acme/fresh"), fresh);
});

test("ended builds stay when the snapshot has only the newest ones", () => {
  const ended = stateOf({ build: "ended", status: "succeeded" });
  const running = stateOf({ build: "running" });
  const after = afterSnapshot(mapOf(ended, running), { builds: [], more: true }, new Set());
  assert.deepEqual([...after.keys()], ["acme/ended"]);
});

test("a page without an ended build may leave out unfinished ones, unless it is the last", () => {
  const running = stateOf();
  const ended = stateOf({ build: "ended", status: "succeeded" });
  const after = "unfinished.b1.acme";
  assert.equal(lacksUnfinished({ builds: [running], more: true, after }), true);
  assert.equal(lacksUnfinished({ builds: [], more: true, after }), true);
  assert.equal(lacksUnfinished({ builds: [running, ended], more: true, after }), false);
  assert.equal(lacksUnfinished({ builds: [running], more: false }), false);
  assert.equal(lacksUnfinished({ builds: [running], more: true }), false);
});

test("builds of earlier pages outlive the last page of a snapshot", () => {
  const earlier = stateOf({ build: "b2" });
  const last = stateOf({ build: "b1" });
  const after = afterSnapshot(mapOf(earlier), { builds: [last], more: true }, new Set(["acme/b2"]));
  assert.deepEqual([...after.keys()].sort(), ["acme/b1", "acme/b2"]);
});

test("builds are shown newest first", () => {
  const states = ["b", "c", "a"].map((build) => stateOf({ build }));
  assert.deepEqual(
    states.sort(byNewest).map(({ build }) => build),
    ["c", "b", "a"],
  );
});

test("projects are listed by name, with what is going on in them", () => {
  const builds = mapOf(
    stateOf({ project: "web", build: "1" }),
    stateOf({ project: "app", build: "2", status: "queued" }),
    stateOf({ project: "app", build: "3", status: "failed" }),
  );
  const [app, web] = projectsOf(builds, NOW);
  assert.deepEqual([app.project, app.running, app.queued, app.newest.build], ["app", 0, 1, "3"]);
  assert.deepEqual([web.project, web.running, web.queued, web.newest.build], ["web", 1, 0, "1"]);
});

test("builds are counted by status", () => {
  const builds = mapOf(stateOf({ build: "1" }), stateOf({ build: "2", status: "stopped" }));
  assert.deepEqual(countByStatus(builds, NOW), { running: 1, stopped: 1 });
  assert.equal(hasEnded({ status: "stopped" }), true);
  assert.equal(hasEnded({ status: "queued" }), false);
});

test("a build is delayed until its time has come or it is asked to stop", () => {
  const delayed = stateOf({ status: "queued", notBefore: "2026-11-21T10:15:01Z" });
  assert.equal(isDelayed(delayed, NOW), true);
  assert.equal(isDelayed(delayed, NOW + 1000), false);
  assert.equal(isDelayed({ ...delayed, stopping: true }, NOW), false);
  assert.equal(isDelayed({ ...delayed, status: "running" }, NOW), false);
  assert.equal(isDelayed(stateOf({ status: "queued" }), NOW), false);
  const builds = mapOf(delayed, stateOf({ build: "2", status: "queued" }));
  assert.deepEqual(countByStatus(builds, NOW), { delayed: 1, queued: 1 });
  const [{ queued, delayed: waiting }] = projectsOf(builds, NOW);
  assert.deepEqual([queued, waiting], [1, 1]);
});

test("builds that are new or moved on have changed, those refreshed have not", () => {
  const before = mapOf(
    stateOf({ build: "1" }),
    stateOf({ build: "2" }),
    stateOf({ build: "3", status: "queued", ahead: 2 }),
    stateOf({ build: "4" }),
  );
  const after = mapOf(
    stateOf({ build: "1", seq: 9 }),
    stateOf({ build: "2", stopping: true }),
    stateOf({ build: "3", status: "queued", ahead: 0 }),
    stateOf({ build: "4", lost: true }),
    stateOf({ build: "5", status: "queued" }),
  );
  assert.equal(countChanged(before, before), 0);
  assert.equal(countChanged(before, after), 3);
});
