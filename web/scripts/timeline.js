/** The entries of a build's history, made of its activities (Activity Streams 2.0). Pure. */

import { errorCount } from "./build-view.js";
import { hasEnded } from "./builds.js";
import { oneLine, readable } from "./foreign-text.js";
import { phrase } from "./phrase.js";

/** The kinds of activities that have an entry: all but progress and output. */
export const KINDS = ["start", "stop", "status", "error"];

const TONES = { running: "good", succeeded: "good", failed: "bad" };

/**
 * The entry of an activity: {id, type, look, tone, text, error, published, attempt, ended}; null of
 * progress and output. `text` may be a phrase.
 */
export function entryOf({ id, type, actor, object, content, published }) {
  const entry = (look, text, error = "") => ({
    id,
    type,
    look,
    tone: TONES[look] ?? "idle",
    text,
    error,
    published,
    attempt: object.attempt,
    ended: type === "Update" && hasEnded(object),
  });
  const name = oneLine(actor?.name ?? "") || "somebody";
  switch (type) {
    case "Offer":
      return entry("queued", phrase`${name} started it`);
    case "Undo":
      return entry("stopping", phrase`${name} asked to stop it`);
    case "Accept":
      return entry("running", phrase`${name} began attempt ${object.attempt}`);
    case "Flag":
      return entry("failed", `Error${at(object)}`, readable(content ?? object.error ?? ""));
    case "Update":
      return hasEnded(object) ? entry(object.status, endOf(object)) : null;
    default:
      return null;
  }
}

function endOf(object) {
  if (object.status === "succeeded") return "Succeeded";
  if (object.status === "failed") return `Failed with ${errorCount(object.errors)}`;
  return `Stopped${at(object)}`;
}

/** " at 40 %", or nothing while that is not known. */
const at = ({ indeterminate, progress }) => (indeterminate ? "" : ` at ${progress} %`);

/** Whether `entries` have everything that `state` mentions: the recorder may be a moment behind. */
export function isComplete(entries, state) {
  const has = (type) => entries.some((entry) => entry.type === type);
  if (hasEnded(state)) return entries.some(({ ended }) => ended) || has("Undo");
  const errors = entries.filter(
    ({ type, attempt }) => type === "Flag" && attempt === state.attempt,
  );
  return errors.length >= state.errors && (!state.stopping || has("Undo"));
}
