/**
 * The errors of a build, in their order, with repeated ones folded. Pure.
 *
 * An error is {number, attempt, seq, worker, published, text, source}, as `GET …/errors` answers; one that only came
 * live has no number yet.
 */

import { readable } from "../text/foreign-text.js";

export const keyOf = ({ attempt, seq }) => `${attempt}.${seq}`;

/** The error that a live state of the kind `error` tells, else null. */
export function errorIn(state) {
  if (state.kind !== "error" || !state.error) return null;
  const { attempt, seq, worker, published, error: text, source } = state;
  return { number: null, attempt, seq, worker, published, text, source };
}

/** `errors`, a Map by attempt and `seq`, with `more` of them; what was read counts before what came live. */
export function withErrors(errors, more) {
  const all = new Map(errors);
  for (const error of more) {
    if (error.number !== null || !all.has(keyOf(error))) all.set(keyOf(error), error);
  }
  return all;
}

/**
 * The errors by attempt, the newest attempt first: [{attempt, count, groups}]. A group is {first, numbers, count} of errors
 * that say the same of the same place.
 */
export function byAttempt(errors) {
  const attempts = new Map();
  const inOrder = [...errors.values()].sort((a, b) => a.attempt - b.attempt || a.seq - b.seq);
  for (const error of inOrder) {
    if (!attempts.has(error.attempt)) attempts.set(error.attempt, new Map());
    const groups = attempts.get(error.attempt);
    const same = JSON.stringify([placeOf(error), readable(error.text)]);
    if (!groups.has(same)) groups.set(same, { first: error, numbers: [], count: 0 });
    const group = groups.get(same);
    group.count += 1;
    if (error.number !== null) group.numbers.push(error.number);
  }
  return [...attempts]
    .map(([attempt, groups]) => ({ attempt, count: sum(groups), groups: [...groups.values()] }))
    .reverse();
}

const sum = (groups) => [...groups.values()].reduce((count, group) => count + group.count, 0);

/** "src/a.c:12:3", "" where it is not known. */
export function placeOf({ source }) {
  if (!source?.file) return "";
  return [source.file, source.line, source.line && source.column].filter(Boolean).join(":");
}

/** The first line of an error's text that says anything: by it the error is found in the output. */
export const firstLine = ({ text }) => readable(text).split("\n").find((line) => line.trim())?.trim() ?? "";

/** "1 error", "12 errors, 3 of them different". */
export function countText(count, different) {
  const errors = `${count.toLocaleString("en")} ${count === 1 ? "error" : "errors"}`;
  return different < count ? `${errors}, ${different.toLocaleString("en")} different` : errors;
}
