/** What the top of a build's page says of its state, in words. Pure; lengths are in ms. */

import { hasEnded, isLost } from "../builds/builds.js";
import { oneLine } from "../text/foreign-text.js";
import { phrase } from "../text/phrase.js";
import { ago, clock, duration, elapsed, moment } from "../text/time.js";

/** What it is, below its name: its title and its job, as phrases. */
export function subjectOf(state) {
  const [title, job] = [state?.title, state?.job].map((text) => oneLine(text ?? ""));
  return [title && phrase`${title}`, job && phrase`job ${job}`].filter(Boolean);
}

/** "Step 3 of 7", "3 of 7 steps done", "3 steps done", or "": of what has succeeded nobody asks. */
export function stepsOf({ done, total, status }) {
  if (!Number.isInteger(done) || status === "succeeded") return "";
  if (Number.isInteger(total)) {
    const said = `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    return hasEnded({ status }) ? `${said} steps done` : `Step ${said}`;
  }
  return `${done.toLocaleString("en")} ${done === 1 ? "step" : "steps"} done`;
}

/** What it does now, as a phrase; null while nobody says so. */
export function phaseOf(state) {
  const phase = oneLine(state.phase ?? "");
  return phase && state.status === "running" ? phrase`${phase}` : null;
}

/** How long it runs, ran, or waits: "Running for 2 min", "Took 41 s", "Waiting for 12 s", with the time since when. */
export function timeOf(state, { now, live }) {
  const [queued, started, ended] = [state.queued, state.started, state.ended].map(moment);
  if (hasEnded(state)) {
    if (ended === null) return "";
    const length = started === null ? "" : ended - started < 100 ? "less than 0.1 s" : duration(ended - started);
    const took = length ? `Took ${length}, ended` : "Ended";
    return `${took} ${ago(now - ended)}`;
  }
  const since = started ?? queued;
  if (since === null) return "";
  if (isLost(state)) return `Began ${clock(since, now)}`; // nobody runs it
  const did = started === null ? "Waiting" : "Running";
  return live ? `${did} for ${elapsed(now - since)}, since ${clock(since, now)}` : `${did} since ${clock(since, now)}`;
}

/** How much is left: "about 40 s left", "12 s over its usual time"; "" where nobody knows. */
export function leftOf(state, { now, live }) {
  const end = moment(state.expectedEnd);
  if (end === null || !live || state.status !== "running" || isLost(state) || state.stopping) return "";
  const left = end - now;
  return left > 0 ? `about ${elapsed(left + 999)} left` : `${elapsed(-left)} over its usual time`;
}

/** "usually takes 1 min 20 s"; `usual` is what earlier builds took, null where there were none. */
export function usualOf(state, usual) {
  const [started, end] = [moment(state.started), moment(state.expectedEnd)];
  const length = started !== null && end !== null ? end - started : usual;
  return length === null ? "" : `usually takes ${duration(length)}`;
}

/**
 * How full the bar is, from 0 to 1, and whether that is only guessed by the time that it usually takes:
 * {filled, guessed}; `filled` is null while nothing is known.
 */
export function barOf(state, now) {
  if (!state.indeterminate) return { filled: state.progress / 100, guessed: false };
  if (hasEnded(state)) return { filled: 1, guessed: false };
  const [started, end] = [moment(state.started), moment(state.expectedEnd)];
  if (started === null || end === null || end <= started || isLost(state)) return { filled: null, guessed: true };
  return { filled: Math.min(Math.max((now - started) / (end - started), 0), 0.99), guessed: true };
}

/** What is to be said of a build whose worker is gone. */
export function lostOf(state, workers) {
  if (!isLost(state)) return "";
  const who = oneLine(state.worker ?? "");
  if (!state.queued) return phrase`${who} is not heard of. Nobody takes this build over, as nobody asked for it by a start.`;
  if (workers === 0) return phrase`${who} is not heard of. The build goes on as soon as a worker is online.`;
  return phrase`${who} is not heard of. Another worker takes the build over.`;
}

/** The sentence in place of a build that is not there. `refusal` and `trouble` say why there is no connection. */
export function unknownText({ refusal, trouble, known, visitor }) {
  if (refusal) return refusal;
  if (visitor.why) return "";
  if (!known) return trouble || "Waiting for the gateway…";
  return "This build is not known here. Check its address, or wait: if its start is on the way, the build appears.";
}
