import assert from "node:assert/strict";
import { test } from "node:test";

import { endOf, seen, topOf, windowOf } from "../../web/scripts/output/window.js";

const row = 20;
const view = 400;

test("only rows near what is seen are drawn, where they belong", () => {
  const { first, last, y, height } = windowOf({ top: 20_000, view, count: 100_000, row });
  assert.equal(height, 2_000_000);
  assert.ok(first < 1000 && first > 900 && last > 1020 && last < 1100);
  assert.equal(y, first * row);
});

test("few rows are all drawn", () => {
  assert.deepEqual(windowOf({ top: 0, view, count: 3, row }), { first: 0, last: 3, y: 0, height: 60 });
  assert.deepEqual(windowOf({ top: 0, view, count: 0, row }), { first: 0, last: 0, y: 0, height: 0 });
});

test("of more rows than a browser can be as high, the first and the last are reached", () => {
  const count = 5_000_000;
  const { height } = windowOf({ top: 0, view, count, row });
  assert.equal(height, 8_000_000);
  const end = endOf({ view, count, row });
  const { last, y, first } = windowOf({ top: end, view, count, row });
  assert.equal(last, count);
  assert.ok(Math.abs(y + (last - first) * row - height) < 1);
  const top = topOf(2_345_678, { view, count, row });
  const [begin, behind] = seen({ top, view, count, row });
  assert.ok(begin <= 2_345_678 && behind > 2_345_678);
});

test("a row is brought into view, and never beyond the ends", () => {
  assert.equal(topOf(0, { view, count: 1000, row }), 0);
  assert.equal(topOf(999, { view, count: 1000, row }), 1000 * row - view);
  const [first, last] = seen({ top: topOf(500, { view, count: 1000, row }), view, count: 1000, row });
  assert.ok(first < 500 && last > 500);
});
