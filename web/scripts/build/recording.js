/** A finished build as it went, made of its activities, to be played again. Pure; times are in ms. */

import { moment } from "../text/time.js";

/** Kinds that are played. */
export const KINDS = ["start", "stop", "status", "progress", "error", "log"];

const LEAD = 1000; // of the time before a worker began, which may be hours

/** The body of a `build` event for an activity, as topics.md has it. */
export function stateOf({ type, actor, object, published, source }, kind) {
  const { queuedTime, startTime, endTime, notBefore, ...rest } = object;
  return {
    script: null,
    by: null,
    error: null,
    ...rest,
    kind,
    running: object.status === "running",
    worker: actor?.type === "Person" ? null : (actor?.name ?? null),
    stopping: type === "Undo",
    stoppedBy: type === "Undo" ? (actor?.name ?? null) : null,
    ahead: null,
    lost: false,
    published,
    queued: queuedTime ?? null,
    notBefore: notBefore ?? null,
    started: startTime ?? null,
    ended: endTime ?? null,
    expectedEnd: null,
    source,
  };
}

const KIND_OF = { Offer: "start", Undo: "stop", Accept: "status", Flag: "error", Add: "log" };

/** A recording without a frame. */
export const NOTHING = { frames: [], begin: null, lines: new Map(), stopping: null };

/**
 * The recording with more activities, which come in their order.
 *
 * frames: [{since, time, state, attempt, lines}]: `since` is the time since the beginning, `time` since 1970, `lines` how many lines the
 * attempt had printed by then · begin: the time at 0 · lines: by attempt, so far.
 */
export function withActivities(recording, activities) {
  const frames = [...recording.frames];
  const lines = new Map(recording.lines);
  let { begin, stopping } = recording;
  for (const activity of activities) {
    const time = moment(activity.published);
    if (time === null) continue;
    const { attempt, status } = activity.object;
    if (begin === null && status === "running") begin = time - (frames.length ? LEAD : 0);
    if (activity.type === "Add") lines.set(attempt, (lines.get(attempt) ?? 0) + countLines(activity.content ?? ""));
    const last = frames[frames.length - 1];
    let state = stateOf(activity, KIND_OF[activity.type] ?? (status === "running" ? "progress" : "status"));
    if (activity.type === "Undo") stopping = state.stoppedBy;
    if (activity.type === "Undo" && last) state = last.state; // its own state may be an older one
    if (activity.type === "Add" && last) state = last.state;
    if (stopping !== null) state = { ...state, stopping: status === "running" || status === "queued", stoppedBy: stopping };
    frames.push({ since: 0, time: Math.max(time, last?.time ?? time), state, attempt, lines: lines.get(attempt) ?? 0 });
  }
  const zero = begin ?? frames[0]?.time ?? 0;
  return { frames: frames.map((frame) => ({ ...frame, since: Math.max(frame.time - zero, 0) })), begin, lines, stopping };
}

function countLines(text) {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}

export const lengthOf = ({ frames }) => frames[frames.length - 1]?.since ?? 0;

/** The frame that is seen so many ms from the beginning; null before the first. */
export function frameAt({ frames }, since) {
  let [low, high] = [0, frames.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames[middle].since <= since) low = middle + 1;
    else high = middle;
  }
  return frames[low - 1] ?? frames[0] ?? null;
}
