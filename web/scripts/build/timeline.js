/** The entries of a build's history, made of its activities (Activity Streams 2.0). Pure. */

import { errorCount } from "../builds/build-view.js";
import { hasEnded, isLost } from "../builds/builds.js";
import { oneLine, readable } from "../text/foreign-text.js";
import { phrase } from "../text/phrase.js";

/** The kinds of activities that have an entry. Errors and output have a place of their own on the page. */
export const KINDS = ["start", "stop", "status"];

const TONES = { running: "good", succeeded: "good", failed: "bad", lost: "warn" };

/**
 * The entry of an activity: {id, type, look, tone, text, error, published, attempt, seq, worker, ended}; null of progress
 * and output. `text` may be a phrase.
 */
export function entryOf({ id, type, actor, object, published }) {
  const name = oneLine(actor?.name ?? "") || "somebody";
  const entry = (look, text, error = "") => ({
    id,
    type,
    look,
    tone: TONES[look] ?? "idle",
    text,
    error,
    published,
    attempt: object.attempt,
    seq: object.seq,
    worker: name,
    ended: type === "Update" && hasEnded(object),
  });
  switch (type) {
    case "Offer":
      return entry("queued", phrase`${name} started it`);
    case "Undo":
      return entry("stopping", phrase`${name} asked to stop it`);
    case "Accept":
      return entry("running", phrase`${name} began attempt ${object.attempt}`);
    case "Update":
      if (!hasEnded(object)) return null;
      if (isGivenUp(object)) return entry("failed", "It was given up", readable(object.error ?? ""));
      return entry(object.status, endOf(object));
    default:
      return null;
  }
}

/** A build that nobody takes over is ended by a recorder, as an attempt that never began. */
const isGivenUp = ({ status, seq, attempt }) => status === "failed" && seq === 0 && attempt > 1;

function endOf({ status, errors, exitCode, indeterminate, progress }) {
  const at = indeterminate || progress === 0 || progress === 100 ? "" : ` at ${progress} %`;
  const words = { succeeded: "Succeeded", failed: `Failed${at}`, stopped: `Stopped${at}` }[status];
  const more = [errors && errorCount(errors), exitCode && exitText(exitCode)].filter(Boolean).join(", ");
  return more ? `${words}, with ${more}` : words;
}

const exitText = (code) => (code < 0 ? `signal ${-code}` : `exit code ${code}`);

/**
 * The entries, in the order in which they were recorded, with those that no activity tells: that a worker was lost, and
 * when the first error came.
 *
 * `errors` are those of errors.js, `state` the newest one of the build.
 */
export function timelineOf(entries, errors, state) {
  const line = [];
  let last = null; // the entry of the attempt that goes on
  for (const entry of withFirstErrors(entries, errors)) {
    const isNext = entry.type === "Accept" || (entry.ended && entry.seq === 0 && entry.attempt > 1);
    if (isNext && last && last.attempt < entry.attempt) line.push(lostEntry(last, entry.published));
    if (entry.type === "Accept") last = entry;
    if (entry.ended) last = null;
    line.push(entry);
  }
  if (last && state && isLost(state)) line.push(lostEntry(last, null));
  return line;
}

/** The entries, and one for the first error of each attempt: behind its beginning, before what came after the error. */
function withFirstErrors(entries, errors) {
  const line = [...entries];
  for (const error of firstErrors(errors)) {
    const begin = line.findIndex(({ type, attempt }) => type === "Accept" && attempt === error.attempt);
    if (begin < 0) continue; // it was not read yet
    const isBehind = ({ ended, type, published }) => ended || type === "Accept" || published > error.published;
    const behind = line.findIndex((entry, i) => i > begin && isBehind(entry));
    line.splice(behind < 0 ? line.length : behind, 0, error);
  }
  return line;
}

const lostEntry = ({ id, attempt, worker }, published) => ({
  id: `${id} lost`,
  type: "Lost",
  look: "lost",
  tone: "warn",
  text: phrase`${worker} was lost: it was not heard of any more`,
  error: "",
  published,
  attempt,
  seq: Infinity,
  ended: false,
});

/** An entry for the first error of each attempt, which leads to it. */
function firstErrors(errors) {
  const firsts = new Map();
  for (const error of errors.values()) {
    const first = firsts.get(error.attempt);
    if (!first || error.seq < first.seq) firsts.set(error.attempt, error);
  }
  return [...firsts.values()].map(({ attempt, seq, number, published }) => ({
    id: `error ${attempt}.${seq}`,
    type: "Flag",
    look: "failed",
    tone: "bad",
    text: "First error",
    href: number === null ? null : `#error-${number}`,
    error: "",
    published,
    attempt,
    seq,
    ended: false,
  }));
}

/** Whether `entries` have everything that `state` mentions: the recorder may be a moment behind. */
export function isComplete(entries, state) {
  const has = (type) => entries.some((entry) => entry.type === type);
  if (hasEnded(state)) return entries.some(({ ended }) => ended) || has("Undo");
  const isBegun = state.status === "queued" || entries.some(({ type, attempt }) => type === "Accept" && attempt === state.attempt);
  return isBegun && (!state.stopping || has("Undo"));
}
