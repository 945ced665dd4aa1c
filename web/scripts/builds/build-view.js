/** What a build is called, how it looks, and what is said of it, wherever it is shown. Pure. */

import { hasEnded, isDelayed, isLost, isRepeatable } from "./builds.js";
import { mayStart, mayStop } from "../person/grants.js";
import { ahead, clockAhead, duration, moment } from "../text/time.js";

const UUID = /^[0-9a-f]{32}$/;

/** The end of a build id: its beginning is the time, the same for builds of one minute. */
export const shortId = (build) => (UUID.test(build) ? build.slice(-8) : build);

/** "1 error", "3 errors". */
export const errorCount = (count) => `${count} ${count === 1 ? "error" : "errors"}`;

/** The name of the icon: a status, `stopping`, `delayed` or `lost`. */
export function lookOf(state, now) {
  if (hasEnded(state)) return state.status;
  if (state.stopping) return "stopping";
  if (isDelayed(state, now)) return "delayed";
  return isLost(state) ? "lost" : state.status;
}

/** The colour of the bar: `good`, `idle`, or `bad` from the first error on. */
export function toneOf(state) {
  if (state.errors > 0 || state.status === "failed") return "bad";
  if (state.status === "running") return state.lost ? "idle" : "good";
  return state.status === "succeeded" ? "good" : "idle";
}

/**
 * "Running 40 %", "Queued, 3 builds ahead", "Waits until 10:42, in 3 min", "Failed at 70 %". `workers` is how
 * many are online, null while that is not known.
 */
export function statusOf(state, now, workers = null) {
  const { status, progress } = state;
  if (state.indeterminate) return unmeasuredOf(lookOf(state, now));
  switch (lookOf(state, now)) {
    case "succeeded":
      return "Succeeded";
    case "failed":
      return progress === 100 ? "Failed" : `Failed at ${progress} %`;
    case "stopped":
      return progress === 0 ? "Stopped" : `Stopped at ${progress} %`;
    case "stopping":
      return status === "queued" ? "Stopping…" : `Stopping… ${progress} %`;
    case "lost":
      return `Lost at ${progress} %`;
    case "delayed":
      return delayedText(moment(state.notBefore), now);
    case "queued":
      return queuedText(state.ahead, workers);
    default:
      return `Running ${progress} %`;
  }
}

/** How much is left of it is not known, so no percentage is said. */
function unmeasuredOf(look) {
  const words = { failed: "Failed", stopped: "Stopped", succeeded: "Succeeded", stopping: "Stopping…", lost: "Lost" };
  return words[look] ?? "Running";
}

function queuedText(ahead, workers) {
  if (workers === 0) return "Queued, waits for a worker";
  if (ahead === undefined || ahead === null) return "Queued";
  if (ahead === 0) return "Queued, next in line";
  return `Queued, ${ahead} ${ahead === 1 ? "build" : "builds"} ahead`;
}

const delayedText = (time, now) =>
  `Waits until ${clockAhead(time, now)}, ${ahead(time - now)}`;

/** How long an ended build ran, "" if it never did. */
export function tookOf(state) {
  const started = moment(state.started);
  const ended = moment(state.ended);
  return started === null || ended === null ? "" : duration(ended - started);
}

/** A build that was never queued is in no queue from which another worker could take it. */
export function lostText({ queued }, workers) {
  if (!queued) return "its worker is gone; nobody takes it over";
  if (workers === 0) return "its worker is gone; it waits for a worker";
  return "its worker is gone; another will take over";
}

/** When the wait for a worker began: of a delayed build, when it might first begin. */
export function waitingSince(state, now) {
  const due = moment(state.notBefore);
  return due === null || due > now ? moment(state.queued) : due;
}

/** The button of a build, {action, label, disabled}; null where one may not press it, or it would do nothing. */
export function buttonOf(state, { busy }, rights) {
  if (hasEnded(state)) {
    if (!isRepeatable(state) || !mayStart(rights, state.project)) return null;
    return { action: "start", label: busy ? "Starting…" : "Start again", disabled: Boolean(busy) };
  }
  if (!mayStop(rights, state.project)) return null;
  const stopping = Boolean(busy || state.stopping);
  return { action: "stop", label: stopping ? "Stopping…" : "Stop", disabled: stopping };
}

/** The state of the page in a few words, for its title: "2 running, 1 lost, 1 queued, 1 delayed". */
export function summaryOf(counts) {
  const parts = [];
  if (counts.running) parts.push(`${counts.running} running`);
  if (counts.lost) parts.push(`${counts.lost} lost`);
  if (counts.queued) parts.push(`${counts.queued} queued`);
  if (counts.delayed) parts.push(`${counts.delayed} delayed`);
  return parts.join(", ");
}
