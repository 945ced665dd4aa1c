import assert from "node:assert/strict";
import { test } from "node:test";

import { failed, recover } from "../../web/scripts/builds/notes.js";

const ERROR = { message: "no", passing: false, retryAfter: 0 };
const PASSING = { ...ERROR, passing: true };
const WELL = true;

/** The controls whose notes are left after recovering at `now`. */
function left(note, returned, now) {
  const notes = new Map([["form", note]]);
  recover(notes, returned, now);
  return [...notes.keys()];
}

test("a refusal for good stays", () => {
  const note = failed(ERROR, WELL, 0);
  assert.equal(note.alert, "no");
  assert.deepEqual(left(note, true, 99_000), ["form"]);
});

test("what was told while not all was well goes when it is", () => {
  for (const note of [failed(ERROR, !WELL, 0), failed(PASSING, !WELL, 0), failed(PASSING, WELL, 0)]) {
    assert.deepEqual(left(note, true, 1), []);
  }
});

test("what passed before it was told may be read for a moment, or as long as it lasts", () => {
  assert.deepEqual(left(failed(PASSING, WELL, 0), false, 9_999), ["form"]);
  assert.deepEqual(left(failed(PASSING, WELL, 0), false, 10_000), []);
  const later = failed({ ...PASSING, retryAfter: 30_000 }, WELL, 0);
  assert.deepEqual([left(later, false, 29_999), left(later, false, 30_000)], [["form"], []]);
});

test("what is under way, or went well, stays", () => {
  assert.deepEqual(left({ busy: true }, true, 99_000), ["form"]);
  assert.deepEqual(left({ started: {} }, true, 99_000), ["form"]);
  assert.deepEqual(recover(new Map([["form", failed(PASSING, WELL, 0)]]), true, 0), ["form"]);
});
