import assert from "node:assert/strict";
import { test } from "node:test";

import { captionOf, earlierOf, entriesOf, isSameJob, lengthOf, usualOf } from "../../web/scripts/build/durations.js";
import { stateOf } from "./states.js";

const now = Date.parse("2026-11-21T11:00:00Z");

const built = (number, seconds, changes = {}) =>
  stateOf({
    build: `b${number}`,
    status: "succeeded",
    script: null,
    job: "test",
    ended: new Date(Date.parse("2026-11-21T10:14:56Z") + seconds * 1000).toISOString(),
    ...changes,
  });

test("earlier builds of the same job count, that have run", () => {
  const own = built(9, 10);
  const others = [
    built(8, 20),
    built(7, 20, { job: "deploy" }),
    built(6, 20, { status: "running", ended: null }),
    built(5, 20, { started: null }),
    built(4, 20, { status: "failed" }),
    own,
  ];
  assert.deepEqual(earlierOf(own, others).map(({ build }) => build), ["b8", "b4"]);
});

test("builds that pretend are of one job", () => {
  assert.ok(isSameJob(stateOf(), stateOf({ script: { seconds: 1 } })));
  assert.ok(!isSameJob(stateOf(), stateOf({ script: null })));
});

test("the usual time is the median of those that succeeded", () => {
  assert.equal(usualOf([]), null);
  assert.equal(usualOf([built(1, 10), built(2, 99, { status: "failed" })]), 10_000);
  assert.equal(usualOf([built(1, 10), built(2, 30), built(3, 20)]), 20_000);
});

test("the chart has them in their order, this one last when it has ended", () => {
  const own = built(9, 10);
  const earlier = [built(8, 20), built(7, 30, { status: "failed" })];
  assert.deepEqual(
    entriesOf(own, earlier, now).map(({ name, look, length }) => [name, look, length]),
    [
      ["b7", "failed", 30_000],
      ["b8", "succeeded", 20_000],
      ["b9 (this one)", "succeeded", 10_000],
    ],
  );
  assert.equal(entriesOf({ ...own, status: "running", ended: null }, earlier, now).length, 2);
  assert.equal(lengthOf({ ...own, status: "running", ended: null }), null);
});

test("the caption says it in words", () => {
  const earlier = [built(8, 20), built(7, 30, { status: "failed" })];
  assert.equal(captionOf(built(9, 32), earlier), "1 of 2 succeeded, usually in 20 s. This one took 12 s longer.");
  assert.equal(captionOf(built(9, 8), earlier), "1 of 2 succeeded, usually in 20 s. This one took 12 s less.");
  assert.equal(captionOf(built(9, 21), earlier), "1 of 2 succeeded, usually in 20 s. So did this one.");
  assert.equal(captionOf(built(9, 8, { status: "failed" }), earlier), "1 of 2 succeeded, usually in 20 s.");
  assert.equal(captionOf(built(9, 8), [earlier[1]]), "0 of 1 succeeded.");
});
