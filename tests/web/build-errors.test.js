import assert from "node:assert/strict";
import { test } from "node:test";

import { byAttempt, countText, errorIn, firstLine, placeOf, withErrors } from "../../web/scripts/build/errors.js";
import { stateOf } from "./states.js";

const error = (number, changes = {}) => ({
  number,
  attempt: 1,
  seq: number,
  worker: "w1",
  published: "2026-11-21T10:15:00Z",
  text: `error ${number}`,
  ...changes,
});

test("errors stand in their order, the newest attempt first", () => {
  const errors = withErrors(new Map(), [error(2), error(1), error(3, { attempt: 2, seq: 4 })]);
  assert.deepEqual(
    byAttempt(errors).map(({ attempt, count, groups }) => [attempt, count, groups.map(({ first }) => first.number)]),
    [
      [2, 1, [3]],
      [1, 2, [1, 2]],
    ],
  );
});

test("an error that says the same of the same place is folded", () => {
  const source = { file: "a.c", line: 3 };
  const errors = withErrors(new Map(), [
    error(1, { text: "no such type", source }),
    error(2, { text: "other" }),
    error(3, { text: "\x1b[31mno such type\x1b[0m\n", source }),
    error(4, { text: "no such type" }),
  ]);
  const [{ count, groups }] = byAttempt(errors);
  assert.equal(count, 4);
  assert.deepEqual(groups.map(({ numbers }) => numbers), [[1, 3], [2], [4]]);
});

test("an error that came live is there until it was read, and then has its number", () => {
  const live = errorIn(stateOf({ kind: "error", errors: 1, error: "no", seq: 7 }));
  assert.equal(live.number, null);
  let errors = withErrors(new Map(), [live]);
  assert.equal(byAttempt(errors)[0].groups[0].first.text, "no");
  errors = withErrors(errors, [error(1, { seq: 7, text: "no\nwith more" })]);
  errors = withErrors(errors, [live]);
  assert.equal(byAttempt(errors)[0].count, 1);
  assert.equal(byAttempt(errors)[0].groups[0].first.text, "no\nwith more");
  assert.equal(errorIn(stateOf({ kind: "progress", errors: 1, error: "no" })), null);
});

test("the place of an error is as far as it is known", () => {
  assert.equal(placeOf({}), "");
  assert.equal(placeOf({ source: { file: "a.c" } }), "a.c");
  assert.equal(placeOf({ source: { file: "a.c", line: 3 } }), "a.c:3");
  assert.equal(placeOf({ source: { file: "a.c", line: 3, column: 5 } }), "a.c:3:5");
  assert.equal(placeOf({ source: { file: "a.c", column: 5 } }), "a.c");
});

test("an error is found in the output by its first line", () => {
  assert.equal(firstLine({ text: "\n \n\x1b[1m  a.c: no\x1b[0m\nmore" }), "a.c: no");
  assert.equal(firstLine({ text: "" }), "");
});

test("they are counted in words", () => {
  assert.equal(countText(1, 1), "1 error");
  assert.equal(countText(1200, 1200), "1,200 errors");
  assert.equal(countText(12, 3), "12 errors, 3 different");
});
