/** One project in figures, of the states of its builds. Pure; moments and lengths are milliseconds. */

import { usualOf } from "../charts/bars.js";
import { shortId } from "../builds/build-view.js";
import { byNewest, countByStatus, hasEnded, isDelayed, keyOf } from "../builds/builds.js";
import { buildPath } from "../page/place.js";
import { oneLine } from "../text/foreign-text.js";
import { ago, clock, duration, elapsed, moment } from "../text/time.js";

export const SHOWN = 50; // ended builds in the chart
const [GOOD, POOR] = [0.9, 0.5]; // shares from which the figure is green, and below which it is red
const LATELY = 8; // of a job, beside its name
const DEFAULT = "default"; // the job of a start that names none

/** The builds of the chart, the oldest first: the newest SHOWN of `states` that have ended, of `job` if one is named. */
export const endedOf = (states, job = "") =>
  states
    .filter((state) => hasEnded(state) && (job === "" || state.job === job))
    .sort(byNewest)
    .slice(0, SHOWN)
    .reverse();

/** The entry of the chart for a build that has ended. */
export function entryOf(state, now) {
  const ended = moment(state.ended);
  return {
    key: keyOf(state),
    look: state.status,
    job: state.job ?? "",
    length: lengthOf(state),
    name: shortId(state.build),
    href: buildPath(state),
    title: state.job && state.job !== DEFAULT ? state.job : oneLine(state.title ?? ""),
    ended: WORDS[state.status],
    when: ended === null ? { text: "", iso: "" } : { text: clock(ended, now), iso: new Date(ended).toISOString() },
  };
}

const WORDS = { succeeded: "Succeeded", failed: "Failed", stopped: "Stopped" };

/** How long a build ran; null when it never began. */
export function lengthOf({ started, ended }) {
  const [from, to] = [moment(started), moment(ended)];
  return from === null || to === null ? null : Math.max(0, to - from);
}

/** "44 of 48 succeeded (92 %), 2 more were stopped. Usually 2 min 5 s." of the entries of the chart. */
export function captionOf(entries) {
  if (entries.length === 0) return "";
  const count = (look) => entries.filter((entry) => entry.look === look).length;
  const [succeeded, failed, stopped] = ["succeeded", "failed", "stopped"].map(count);
  const outcomes = succeeded + failed;
  const said = [
    outcomes && `${succeeded} of ${outcomes} succeeded (${percent(succeeded, outcomes)})`,
    stopped && `${stopped}${outcomes ? " more" : ""} ${stopped === 1 ? "was" : "were"} stopped`,
  ];
  const usual = usualOf(entries);
  const took = usual === null ? "" : ` Usually ${duration(usual)}.`;
  return `${said.filter(Boolean).join(", ")}.${took}`;
}

/**
 * The figures of what the chart shows, and of now: [{name, text, detail, look}], those that say nothing left out. The share is of builds that ended by
 * themselves: one that was stopped says nothing of the project.
 */
export function factsOf(states, entries, now) {
  const outcomes = entries.filter(({ look }) => look !== "stopped");
  const succeeded = outcomes.filter(({ look }) => look === "succeeded").length;
  const usual = usualOf(entries);
  const counts = countByStatus(new Map(states.map((state) => [keyOf(state), state])), now);
  const facts = [];
  if (outcomes.length) {
    const share = succeeded / outcomes.length;
    const look = share >= GOOD ? "succeeded" : share < POOR ? "failed" : "";
    const detail = `${succeeded} of the last ${outcomes.length}`;
    facts.push({ name: "Succeeded", text: percent(succeeded, outcomes.length), detail, look });
  }
  if (usual !== null) facts.push({ name: "Usually takes", text: duration(usual), detail: trendOf(entries, usual), look: "" });
  facts.push({ name: "Running", text: String(counts.running ?? 0), detail: counts.lost ? `${counts.lost} lost` : "", look: "" });
  facts.push({ name: "Waiting", text: String(counts.queued ?? 0), detail: waitOf(states, counts, now), look: "" });
  const last = lastRedOf(states);
  if (last) facts.push({ name: "Last failed", text: ago(now - last), detail: "", look: "" });
  return facts;
}

/** "88 %"; 100 % and 0 % only where it is so. */
export function percent(part, whole) {
  const rounded = Math.round((100 * part) / whole);
  if (part < whole && rounded === 100) return "99 %";
  return part > 0 && rounded === 0 ? "1 %" : `${rounded} %`;
}

/** "lately 3 min" when the last five that succeeded took clearly longer or shorter than usual. */
function trendOf(entries, usual) {
  const lately = entries.filter(({ look, length }) => look === "succeeded" && length !== null).slice(-5);
  if (lately.length < 5) return "";
  const now = usualOf(lately);
  return now > usual * 1.2 || now < usual / 1.2 ? `lately ${duration(now)}` : "";
}

function waitOf(states, counts, now) {
  const waits = states
    .filter((state) => state.status === "queued" && !isDelayed(state, now))
    .map((state) => now - (moment(state.notBefore) ?? moment(state.queued) ?? now));
  const longest = waits.length ? `longest ${elapsed(Math.max(...waits))}` : "";
  const delayed = counts.delayed ? `${counts.delayed} delayed` : "";
  return [longest, delayed].filter(Boolean).join(", ");
}

function lastRedOf(states) {
  const times = states.filter(({ status }) => status === "failed").map(({ ended }) => moment(ended) ?? 0);
  return times.length ? Math.max(...times) : 0;
}

/**
 * The jobs of a project, in order: [{job, parameters, offered, newest, usual, lately}]. Those that workers offer, with
 * their parameters, and those of `states` that nobody offers at the moment. `lately` are the endings of the last builds,
 * the oldest first.
 */
export function jobsOf(states, offered) {
  const jobs = new Map(offered.map(({ job, parameters }) => [job, { job, parameters, offered: true, states: [] }]));
  for (const state of states) {
    if (!state.job) continue;
    if (!jobs.has(state.job)) jobs.set(state.job, { job: state.job, parameters: [], offered: false, states: [] });
    jobs.get(state.job).states.push(state);
  }
  const inOrder = [...jobs.values()].sort((a, b) => (b.job === DEFAULT) - (a.job === DEFAULT) || BY_NAME.compare(a.job, b.job));
  return inOrder.map(({ states: own, ...job }) => {
    const ended = endedOf(own);
    return {
      ...job,
      newest: [...own].sort(byNewest)[0] ?? null,
      usual: usualOf(ended.map((state) => ({ look: state.status, length: lengthOf(state) }))),
      lately: ended.slice(-LATELY).map(({ status }) => status),
    };
  });
}

const BY_NAME = new Intl.Collator("en", { numeric: true });
