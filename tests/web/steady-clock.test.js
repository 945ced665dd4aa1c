import assert from "node:assert/strict";
import { test } from "node:test";

import { steadyClock } from "../../web/scripts/live/steady-clock.js";

function clocks() {
  const time = { monotonic: 500, wall: 1_000_000 };
  const now = steadyClock(
    () => time.monotonic,
    () => time.wall,
  );
  return {
    now,
    go(monotonic, wall = monotonic) {
      time.monotonic += monotonic;
      time.wall += wall;
      return now();
    },
  };
}

test("it goes on as both clocks do", () => {
  const { now, go } = clocks();
  assert.equal(now(), 1_000_000);
  assert.equal(go(20), 1_000_020);
});

test("the time that the machine slept counts", () => {
  assert.equal(clocks().go(10, 60_000), 1_060_000);
});

test("it never goes back, and small corrections do not add up", () => {
  const { go } = clocks();
  assert.equal(go(1000, -3_600_000), 1_001_000);
  assert.equal(go(1000), 1_002_000);
  for (let i = 0; i < 1000; i++) go(0.1, i % 10 ? 0 : 1);
  assert.equal(Math.round(go(0)), 1_002_100);
});
