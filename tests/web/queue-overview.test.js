import assert from "node:assert/strict";
import { test } from "node:test";

import { rowsOf, workerLine } from "../../web/scripts/queue-overview.js";

const worker = { worker: "w1", online: true, running: 1, slots: 2, lag_ms: 3 };
const overview = {
  queued: { high: 1, normal: 12 },
  oldest_seconds: 41.7,
  running: 2,
  lost: 0,
  retaken: 0,
  workers: [worker, { ...worker, worker: "w2", online: false }],
  dead: 0,
};

test("the rows tell what waits and who works", () => {
  assert.deepEqual(rowsOf(overview), {
    waiting: "1 high priority, 12 normal",
    delayed: "",
    oldest: "41 s",
    running: "2",
    lost: "",
    dead: "0",
    workers: "1 online, 1 offline",
  });
  assert.equal(rowsOf({ ...overview, retaken: 1 }).running, "2 (1 in a later attempt)");
  assert.equal(rowsOf({ ...overview, lost: 4 }).lost, "4");
  assert.equal(rowsOf({ ...overview, delayed: 3 }).delayed, "3");
});

test("what is not known or not there has no row", () => {
  const quiet = { ...overview, queued: { high: 0, normal: 0 }, workers: [], dead: null };
  const { waiting, oldest, dead, workers } = rowsOf(quiet);
  assert.deepEqual([waiting, oldest, dead, workers], ["none", "", "", "none"]);
});

test("a worker says how busy it is and its lag, unless it is offline", () => {
  assert.equal(workerLine(worker), "1 of 2 busy, lag 3 ms");
  assert.equal(workerLine({ ...worker, slots: 0 }), "1 busy, lag 3 ms");
  assert.equal(workerLine({ ...worker, online: false }), "offline, 1 lost");
  assert.equal(workerLine({ ...worker, online: false, running: 0 }), "offline");
});
