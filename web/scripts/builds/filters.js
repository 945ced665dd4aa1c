/** Which builds are shown: the filters, what they let through, and the address that keeps them. Pure. */

import { isLost } from "./builds.js";
import { oneLine } from "../text/foreign-text.js";

/**
 * state: one of STATES · project, job, by (a person), text: a part of it, in any case · watch: an MQTT filter, which
 * the gateway applies. "" lets everything through.
 */
export const NONE = { state: "", project: "", job: "", by: "", text: "", watch: "" };

/** The states that one may ask for, by their names in the address. */
export const STATES = {
  running: "Running",
  queued: "Waiting",
  lost: "Lost",
  red: "With errors",
  succeeded: "Succeeded",
  failed: "Failed",
  stopped: "Stopped",
};

const HAS_STATE = {
  running: (state) => state.status === "running" && !isLost(state),
  lost: isLost,
  red: ({ errors, status }) => errors > 0 || status === "failed",
};

/** Whether the filter of the state `name` lets a build through. */
export const hasState = (state, name) => (HAS_STATE[name] ? HAS_STATE[name](state) : state.status === name);

/** The filters in the query of an address. */
export function filtersIn(search) {
  const query = new URLSearchParams(search);
  const filters = {};
  for (const name of Object.keys(NONE)) filters[name] = (query.get(name) ?? "").trim();
  if (!(filters.state in STATES)) filters.state = "";
  return filters;
}

/** The query for an address: "" or "?…". */
export function searchOf(filters) {
  const query = new URLSearchParams(Object.entries(filters).filter(([, text]) => text !== ""));
  return String(query) && `?${query}`;
}

/** The names of the filters that leave something out, `watch` aside. */
export const activeOf = (filters) => Object.keys(NONE).filter((name) => name !== "watch" && filters[name] !== "");

/** Returns whether a build fits, as a function of its state. */
export function matcher(filters) {
  const words = lower(filters.text).split(/\s+/).filter(Boolean);
  const named = ["project", "job", "by"].filter((name) => filters[name] !== "");
  const wanted = named.map((name) => [name, lower(filters[name])]);
  return (state) =>
    (filters.state === "" || hasState(state, filters.state)) &&
    wanted.every(([name, text]) => lower(state[name]).includes(text)) &&
    (words.length === 0 || words.every((word) => textOf(state).includes(word)));
}

const lower = (text) => (text ?? "").toLowerCase();

const texts = new WeakMap(); // state → its text: a state never changes

/** Everything of a build in which its text is searched. */
function textOf(state) {
  if (!texts.has(state)) {
    const { project, build, title, job, by, worker, phase, status, error, parameters } = state;
    const all = [project, build, title, job, by, worker, phase, status, error, ...Object.values(parameters ?? {})];
    texts.set(state, lower(oneLine(all.filter(Boolean).join(" "))));
  }
  return texts.get(state);
}

/**
 * {counts, shown, all}: how many builds each state would show, given the other filters, how many are shown, and how many
 * there are.
 */
export function countStates(builds, filters) {
  const others = matcher({ ...filters, state: "" });
  const counts = {};
  let [shown, all] = [0, 0];
  for (const state of builds) {
    all += 1;
    if (!others(state)) continue;
    for (const name of Object.keys(STATES)) if (hasState(state, name)) counts[name] = (counts[name] ?? 0) + 1;
    if (filters.state === "" || hasState(state, filters.state)) shown += 1;
  }
  return { counts, shown, all };
}

/** {jobs, people}: the names in these builds that one may filter by. */
export function choicesIn(builds) {
  const [jobs, people] = [new Set(), new Set()];
  for (const { job, by } of builds) {
    if (job) jobs.add(oneLine(job));
    if (by) people.add(oneLine(by));
  }
  return { jobs: [...jobs].sort(), people: [...people].sort() };
}
