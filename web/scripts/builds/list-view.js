/** What a build shows in the list: as a card while it goes on, as a row of one line once it has ended. Pure. */

import { hasEnded, isDelayed, isLost } from "./builds.js";
import { buttonOf, errorCount, lookOf, lostText, shortId, statusOf, tookOf, toneOf, waitingSince } from "./build-view.js";
import { oneLine, readable } from "../text/foreign-text.js";
import { phrase } from "../text/phrase.js";
import { ago, clock, elapsed, moment } from "../text/time.js";

/** {title, id}: what the build is, "" if nobody said it, and which one. */
export const nameOf = ({ title, job, build }) => ({ title: oneLine(title || job || ""), id: shortId(build) });

const EVEN = 999; // ms: a rest of a second counts as one

/** "about 40 s left", "longer than usual"; "" where that is not known. */
export function leftText({ status, stopping, lost, expectedEnd }, now) {
  const end = moment(expectedEnd);
  if (end === null || status !== "running" || stopping || lost) return "";
  return end > now ? `about ${elapsed(end - now + EVEN)} left` : "longer than usual";
}

/**
 * What card and row have in common. `now` is the gateway's time in ms, `live` whether the page hears of changes,
 * `workers` how many are online (null while that is not known), `note` the result of the last press: {busy, alert,
 * started}, `rights` what one may do.
 */
const commonOf = (state, { now, live, note = {}, rights }) => ({
  look: lookOf(state, now),
  tone: toneOf(state),
  errors: state.errors ? errorCount(state.errors) : "",
  stale: !live && !hasEnded(state),
  button: buttonOf(state, note, rights), // null: none
  alert: note.alert ?? "",
  started: note.started ?? null,
});

/** Everything that a card shows. */
export function cardOf(state, context) {
  const { now, live, workers = null } = context;
  return {
    ...commonOf(state, context),
    status: statusOf(state, now, workers),
    progress: state.indeterminate ? null : state.progress,
    high: state.priority === "high" && !hasEnded(state),
    left: live ? leftText(state, now) : "",
    error: state.errors ? readable(state.error ?? "") : "",
    facts: factsOf(state),
    where: whereOf(state),
    time: timeText(state, { now, live, workers }),
    since: sinceOf(state, now),
  };
}

/** What it is doing, and for whom; phrases, as all of it was written by others. */
function factsOf(state) {
  const [phase, by, stoppedBy, worker] = [state.phase, state.by, state.stoppedBy, state.worker].map((name) => oneLine(name ?? ""));
  const facts = [];
  if (phase && !hasEnded(state)) facts.push(phrase`${phase}`);
  if (by) facts.push(phrase`started by ${by}`);
  if (stoppedBy) {
    facts.push(state.status === "stopped" ? phrase`stopped by ${stoppedBy}` : phrase`asked to stop by ${stoppedBy}`);
  }
  if (worker && state.lost) facts.push(phrase`${worker} is offline`);
  if (state.attempt > 1) facts.push(`attempt ${state.attempt}`);
  return facts;
}

/** The worker, which a phone has no room for. */
function whereOf({ worker, lost }) {
  const name = oneLine(worker ?? "");
  return name && !lost ? [phrase`on ${name}`] : [];
}

/** "running for 12 s"; of one that may have changed since, only what stays true. */
function timeText(state, { now, live, workers }) {
  if (hasEnded(state)) return endedText(state, now);
  if (live && isLost(state)) return lostText(state, workers);
  const since = beganAt(state, now);
  if (since === null) return "";
  const began = state.status === "queued" ? "queued" : "started";
  if (!live) return `last known, ${began} at ${clock(since, now)}`;
  if (isDelayed(state, now)) return `requested ${ago(now - since)}`;
  return `${state.status === "queued" ? "waiting" : "running"} for ${elapsed(now - since)}`;
}

const beganAt = (state, now) => (state.status === "queued" ? null : moment(state.started)) ?? waitingSince(state, now);

const endOf = ({ ended, started, queued }) => moment(ended) ?? moment(started) ?? moment(queued);

function endedText(state, now) {
  const [took, end] = [tookOf(state), endOf(state)];
  return [took && `took ${took}`, end === null ? "" : `ended ${ago(now - end)}`].filter(Boolean).join(", ");
}

/** The moment that the words of time count from: null, or ms. */
const sinceOf = (state, now) => (hasEnded(state) ? endOf(state) : beganAt(state, now));

const ENDED = { succeeded: "Succeeded", failed: "Failed", stopped: "Stopped" };

/** Everything that the row of an ended build shows. */
export function rowOf(state, context) {
  const { now } = context;
  const end = endOf(state);
  return {
    ...commonOf(state, context),
    status: ENDED[state.status] ?? "",
    took: tookOf(state),
    when: end === null ? "" : ago(now - end),
    since: end,
    by: oneLine(state.by ?? ""),
  };
}
