import assert from "node:assert/strict";
import { test } from "node:test";

import { windowOf } from "../../web/scripts/builds/windowing.js";

const TEN = Array(10).fill(50);

test("only items that touch the window are drawn, below the room of those left out", () => {
  assert.deepEqual(windowOf(TEN, 120, 220), [
    { index: 2, before: 100 },
    { index: 3, before: 0 },
    { index: 4, before: 0 },
  ]);
});

test("an item that only begins where the window ends is not drawn", () => {
  assert.deepEqual(windowOf(TEN, 100, 150).map(({ index }) => index), [2]);
});

test("items that are kept are drawn in their places", () => {
  assert.deepEqual(windowOf(TEN, 100, 150, [0, 2, 6, 9]), [
    { index: 0, before: 0 },
    { index: 2, before: 50 },
    { index: 6, before: 150 },
    { index: 9, before: 100 },
  ]);
});

test("what is drawn and what is left out is as high as the whole list, wherever the window is", () => {
  const heights = Array.from({ length: 200 }, (_, i) => 40 + (i % 7) * 10);
  const whole = heights.reduce((sum, height) => sum + height, 0);
  for (const top of [-1000, 0, 77, 5000, whole - 10, whole + 500]) {
    const drawn = windowOf(heights, top, top + 800, [0, 199]);
    const sum = drawn.reduce((known, { index, before }) => known + before + heights[index], 0);
    assert.equal(sum, whole);
    assert.ok(drawn.length <= 25);
  }
});
