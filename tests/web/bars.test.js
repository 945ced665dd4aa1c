import assert from "node:assert/strict";
import test from "node:test";

import { barsOf, median, usualOf } from "../../web/scripts/charts/bars.js";

const entry = (key, look, length) => ({ key, look, length });

test("the median is in the middle, between two the mean of both", () => {
  assert.equal(median([]), null);
  assert.equal(median([5]), 5);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([8, 2, 4, 6]), 5);
});

test("the longest reaches the top, the others are parts of it", () => {
  const { bars, top } = barsOf([entry("a", "succeeded", 1000), entry("b", "failed", 4000)]);
  assert.equal(top, 4000);
  assert.deepEqual(bars, [
    { key: "a", look: "succeeded", height: 0.25, cut: false },
    { key: "b", look: "failed", height: 1, cut: false },
  ]);
});

test("one that took far longer than the others is cut off, so that they are not flat", () => {
  const { bars, top, longest } = barsOf(["a", "b", "c", "d"].map((key, i) => entry(key, "succeeded", [10, 10, 10, 900][i])));
  assert.deepEqual([top, longest], [40, 900]);
  assert.deepEqual(bars.map(({ height, cut }) => [height, cut]), [[0.25, false], [0.25, false], [0.25, false], [1, true]]);
});

test("what never began, or took no time, is still seen", () => {
  const { bars } = barsOf([entry("a", "stopped", null), entry("b", "succeeded", 1e6), entry("c", "succeeded", 0)]);
  assert.ok(bars[0].height > 0 && bars[0].height < 0.1);
  assert.equal(bars[2].height, bars[0].height);
  assert.deepEqual(barsOf([entry("a", "stopped", null)]).top, null);
  assert.ok(barsOf([entry("a", "succeeded", 0)]).bars[0].height > 0);
});

test("usual is what those took that succeeded", () => {
  const entries = [entry("a", "succeeded", 2000), entry("b", "failed", 10), entry("c", "stopped", null)];
  assert.equal(usualOf(entries), 2000);
  assert.equal(barsOf([...entries, entry("d", "failed", 4000)]).line, 0.5);
  assert.equal(barsOf([entry("b", "failed", 10)]).line, null);
});
