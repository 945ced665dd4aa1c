/** The texts and looks of a build's card. Pure. */

import { hasEnded, isDelayed, isLost, isRepeatable } from "./builds.js";
import { oneLine, readable } from "./foreign-text.js";
import { mayStart, mayStop } from "./grants.js";
import { phrase } from "./phrase.js";
import { ago, ahead, clock, clockAhead, duration, elapsed, moment } from "./time.js";

const UUID = /^[0-9a-f]{32}$/;

/** The end of a build id: its beginning is the time, the same for builds of one minute. */
export const shortId = (build) => (UUID.test(build) ? build.slice(-8) : build);

/** "1 error", "3 errors". */
export const errorCount = (count) => `${count} ${count === 1 ? "error" : "errors"}`;

/**
 * Everything that a card shows.
 *
 * `now` is the gateway's time in ms, `live` whether the page hears of changes, `workers` how many are
 * online (null while that is not known), `note` the result of the last press of the card's button: {busy,
 * alert, started}, `rights` what one may do.
 */
export function viewOf(state, { now, live, workers = null, note = {}, rights }) {
  const ended = hasEnded(state);
  return {
    look: lookOf(state, now),
    status: statusOf(state, now, workers),
    progress: state.indeterminate ? null : state.progress,
    tone: toneOf(state),
    errors: state.errors ? errorCount(state.errors) : "",
    error: state.errors ? readable(state.error ?? "") : "",
    high: state.priority === "high" && !ended,
    stale: !live && !ended,
    facts: factsOf(state),
    time: timeOf(state, { now, live, workers }),
    button: buttonOf(state, note, rights), // null: none
    alert: note.alert ?? "",
    started: note.started ?? null,
  };
}

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

/** Texts of ours, and phrases with the names of people and workers. */
function factsOf(state) {
  const facts = [];
  const [by, stoppedBy, worker] = [state.by, state.stoppedBy, state.worker].map((name) => oneLine(name ?? ""));
  const title = oneLine(state.title ?? "");
  if (title) facts.push(phrase`${title}`);
  if (hasEnded(state)) facts.push(tookOf(state));
  if (by) facts.push(phrase`started by ${by}`);
  if (stoppedBy) {
    facts.push(state.status === "stopped" ? phrase`stopped by ${stoppedBy}` : phrase`asked to stop by ${stoppedBy}`);
  }
  if (worker) facts.push(state.lost ? phrase`${worker} is offline` : phrase`on ${worker}`);
  if (state.attempt > 1) facts.push(`attempt ${state.attempt}`);
  return facts.filter(Boolean);
}

function tookOf(state) {
  const started = moment(state.started);
  const ended = moment(state.ended);
  return started === null || ended === null ? "" : `took ${duration(ended - started)}`;
}

/** {words, iso, clock}, to be read as "running for 12 s, since 10:14:56"; `clock` may be "". */
function timeOf(state, { now, live, workers }) {
  if (live && isLost(state)) return { words: lostText(state, workers), iso: "", clock: "" };
  const started = state.status === "queued" ? null : moment(state.started);
  const time = started ?? waitingSince(state, now);
  if (time === null) return null;
  const iso = new Date(time).toISOString();
  const words = wordsOf(state, { started: started !== null, length: now - time, now, live });
  return { words, iso, clock: clock(time, now) };
}

/** A build that was never queued is in no queue from which another worker could take it. */
function lostText({ queued }, workers) {
  if (!queued) return "its worker is gone; nobody takes it over";
  if (workers === 0) return "its worker is gone; it waits for a worker";
  return "its worker is gone; another will take over";
}

function wordsOf(state, { started, length, now, live }) {
  const begun = started ? "started" : isDelayed(state, now) ? "requested" : "queued";
  if (hasEnded(state)) return `${begun} ${ago(length)},`;
  if (!live) return `last known, ${begun} at`;
  if (isDelayed(state, now)) return `${begun} ${ago(length)},`;
  return `${started ? "running" : "waiting"} for ${elapsed(length)}, since`;
}

/** When the wait for a worker began: of a delayed build, when it might first begin. */
function waitingSince(state, now) {
  const due = moment(state.notBefore);
  return due === null || due > now ? moment(state.queued) : due;
}

function buttonOf(state, { busy }, rights) {
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
