import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, ahead, clock, clockAhead, duration, elapsed, moment } from "../../web/scripts/text/time.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test("durations are as exact as their size deserves", () => {
  assert.equal(duration(0), "0.0 s");
  assert.equal(duration(4560), "4.5 s");
  assert.equal(duration(59_999), "59 s");
  assert.equal(duration(MINUTE), "1 min");
  assert.equal(duration(2 * MINUTE + 5000), "2 min 5 s");
  assert.equal(duration(3 * HOUR + 20 * MINUTE), "3 h 20 min");
  assert.equal(duration(52 * HOUR), "2 d 4 h");
});

test("what goes on is told in whole seconds, then minutes", () => {
  assert.equal(elapsed(4560), "4 s");
  assert.equal(elapsed(185_000), "3 min");
  assert.equal(elapsed(HOUR + MINUTE), "1 h 1 min");
});

test("clocks that differ give no negative times", () => {
  assert.equal(duration(-500), "0.0 s");
  assert.equal(elapsed(-500), "0 s");
  assert.equal(ago(-500), "just now");
});

test("the past is told roughly", () => {
  assert.equal(ago(12_000), "12 s ago");
  assert.equal(ago(3 * MINUTE), "3 min ago");
  assert.equal(ago(5 * HOUR), "5 h ago");
  assert.equal(ago(49 * HOUR), "2 d ago");
});

test("what is to come is told until it is there", () => {
  assert.equal(ahead(42_000), "in 42 s");
  assert.equal(ahead(41_001), "in 42 s");
  assert.equal(ahead(1), "in 1 s");
  assert.equal(ahead(3 * MINUTE + 10_000), "in 3 min");
  assert.equal(ahead(125 * MINUTE), "in 2 h 5 min");
});

test("a moment is read from text or number, and none is null", () => {
  assert.equal(moment("1970-01-01T00:00:01.000Z"), 1000);
  assert.equal(moment(1000), 1000);
  assert.equal(moment(null), null);
  assert.equal(moment(undefined), null);
  assert.equal(moment("yesterday"), null);
});

test("the clock has the date when it was not today", () => {
  const now = Date.parse("2026-11-21T10:00:00Z");
  assert.doesNotMatch(clock(now - HOUR, now), /2026/);
  assert.match(clock(now - 24 * HOUR, now), /2026/);
});

test("what is to come is told to the minute, with the date when it is not today", () => {
  const now = Date.parse("2026-11-21T10:00:30Z");
  assert.match(clockAhead(now + HOUR, now), /^\d+:\d\d\D*$/);
  assert.match(clockAhead(now + 24 * HOUR, now), /2026/);
});
