import assert from "node:assert/strict";
import { test } from "node:test";

import { frameAt, lengthOf, NOTHING, withActivities } from "../../web/scripts/build/recording.js";
import { played } from "../../web/scripts/build/replay.js";

const BEGIN = Date.parse("2026-11-21T10:00:00Z");

const activity = (type, seconds, object = {}, more = {}) => ({
  type,
  actor: type === "Offer" || type === "Undo" ? { type: "Person", name: "ada" } : { type: "Service", name: "w1" },
  published: new Date(BEGIN + seconds * 1000).toISOString(),
  object: { status: "running", progress: 0, errors: 0, attempt: 1, seq: 0, ...object },
  ...more,
});

const COURSE = [
  activity("Offer", -3600, { status: "queued", attempt: 0 }),
  activity("Accept", 0),
  activity("Update", 2, { progress: 20, seq: 1 }),
  activity("Add", 3, { progress: 20, seq: 2 }, { content: "a\nb\n" }),
  activity("Flag", 5, { progress: 40, errors: 1, error: "no", seq: 3 }),
  activity("Undo", 6, { progress: 20, seq: 1 }),
  activity("Add", 7, { progress: 40, errors: 1, seq: 4 }, { content: "c\n" }),
  activity("Update", 8, { progress: 40, errors: 1, seq: 5, status: "stopped" }),
];

test("a build is seen as it was at each moment, without the hour that it waited", () => {
  const recording = withActivities(NOTHING, COURSE);
  assert.equal(lengthOf(recording), 9000);
  const at = (seconds) => frameAt(recording, seconds * 1000);
  assert.equal(at(0).state.status, "queued");
  assert.equal(at(1).state.status, "running");
  assert.equal(at(3.5).state.progress, 20);
  assert.equal(at(6).state.errors, 1);
  assert.equal(at(6).state.kind, "error");
  assert.equal(at(99).state.status, "stopped");
});

test("lines of output are counted, and change no state", () => {
  const recording = withActivities(NOTHING, COURSE);
  const at = (seconds) => frameAt(recording, seconds * 1000);
  assert.equal(at(3.5).lines, 0);
  assert.equal(at(4).lines, 2);
  assert.equal(at(4).state.progress, 20);
  assert.equal(at(99).lines, 3);
});

test("from a stop on it is stopping until it ends", () => {
  const recording = withActivities(NOTHING, COURSE);
  const at = (seconds) => frameAt(recording, seconds * 1000).state;
  assert.equal(at(6).stopping, false);
  assert.equal(at(7).stopping, true);
  assert.equal(at(7).progress, 40);
  assert.equal(at(8).stoppedBy, "ada");
  assert.equal(at(99).stopping, false);
});

test("pages give the same as the whole", () => {
  const whole = withActivities(NOTHING, COURSE);
  for (let i = 1; i < COURSE.length; i++) {
    assert.deepEqual(withActivities(withActivities(NOTHING, COURSE.slice(0, i)), COURSE.slice(i)), whole, `${i}`);
  }
});

test("without an activity nothing is seen", () => {
  assert.equal(frameAt(NOTHING, 0), null);
  assert.equal(lengthOf(NOTHING), 0);
  assert.equal(withActivities(NOTHING, [{ ...COURSE[1], published: "?" }]).frames.length, 0);
});

test("a moment is told as on a player", () => {
  assert.equal(played(7_900), "0:07");
  assert.equal(played(760_000), "12:40");
  assert.equal(played(3_723_000), "1:02:03");
});
