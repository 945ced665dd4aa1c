// @ts-check

/**
 * Builds: states folded into the newest one of every build. Pure.
 *
 * A state is the body of a `build` event: {project, build, kind, status, running, progress,
 * errors, error, attempt, seq, worker, by, priority, script, stopping, stoppedBy, ahead, lost,
 * published, queued, notBefore, started, ended}. `builds` is a Map of the key of a build to its state.
 */

import { moment } from "../text/time.js";

/** @import { BuildPlace, Builds, ProjectCounts, Snapshot, State } from "../types" */

const ENDINGS = new Set(["succeeded", "failed", "stopped"]);
const BY_NAME = new Intl.Collator("en", { numeric: true });
const UNENDED = new Set(["running", "queued"]);

/** @type {(place: BuildPlace) => string} */
export const keyOf = ({ project, build }) => `${project}/${build}`;

/** @type {(state: { status: string }) => boolean} */
export const hasEnded = ({ status }) => ENDINGS.has(status);

/**
 * Whether it can be started again: a build that was asked for by a start, with a script or a job. One that somebody
 * published without a start is done by a program of theirs, which no start reaches.
 *
 * @type {(state: Pick<State, "script" | "job" | "queued">) => boolean}
 */
export const isRepeatable = ({ script, job, queued }) => Boolean((script || job) && queued);

/**
 * Whether its worker is offline or silent, so that nobody runs it.
 *
 * @type {(state: Pick<State, "status" | "lost">) => boolean}
 */
export const isLost = ({ status, lost }) => status === "running" && Boolean(lost);

/**
 * Whether it is not yet time to begin it; `now` in ms.
 *
 * @type {(state: Pick<State, "status" | "notBefore" | "stopping">, now: number) => boolean}
 */
export const isDelayed = ({ status, notBefore, stopping }, now) =>
  status === "queued" && !stopping && (moment(notBefore) ?? 0) > now;

/**
 * The newest state of a build after `state` came; `known` itself when nothing is new.
 *
 * An ending beats any state that is not one; of two endings the smaller `(attempt, seq)` counts,
 * of two others the larger. With the same `(attempt, seq)` it is a refresh (`ahead`, `lost`).
 * Once asked to stop, a build is stopping until it ends, whatever still arrives.
 *
 * @type {(known: State | undefined, state: State) => State}
 */
export function fold(known, state) {
  if (!known) return state;
  const [newest, other] = beats(state, known) ? [state, known] : [known, state];
  const stopping = !hasEnded(newest) && Boolean(newest.stopping || other.stopping);
  const stoppedBy = newest.stoppedBy ?? other.stoppedBy ?? null;
  const same = stopping === Boolean(newest.stopping) && stoppedBy === (newest.stoppedBy ?? null);
  if (same) return newest;
  return { ...newest, stopping, stoppedBy };
}

/** @type {(ours: State, theirs: State) => boolean} */
function beats(ours, theirs) {
  if (hasEnded(ours) !== hasEnded(theirs)) return hasEnded(ours);
  const order = ours.attempt - theirs.attempt || ours.seq - theirs.seq;
  return order === 0 || order < 0 === hasEnded(ours);
}

/**
 * The picture after a snapshot: its builds, each with the newer of both states.
 *
 * A build that the snapshot does not have is gone, unless it is in `heard` (keys of the builds that
 * came since the connection began), or has ended and the snapshot says that there are `more`.
 *
 * @type {(builds: Builds, snapshot: Snapshot, heard: Set<string>) => Builds}
 */
export function afterSnapshot(builds, snapshot, heard) {
  const after = new Map();
  for (const [key, state] of builds) {
    if (heard.has(key) || (snapshot.more && hasEnded(state))) after.set(key, state);
  }
  for (const state of snapshot.builds) {
    const key = keyOf(state);
    after.set(key, fold(builds.get(key), state));
  }
  return after;
}

/**
 * Whether a page of a snapshot may leave out unfinished builds: they come before the ended ones.
 *
 * @type {(snapshot: Snapshot) => boolean}
 */
export const lacksUnfinished = ({ builds, more, after }) =>
  Boolean(more && after) && !builds.some(hasEnded);

/**
 * Newest build first: build ids sort by time.
 *
 * @type {(a: State, b: State) => number}
 */
export const byNewest = (a, b) => Number(a.build < b.build) - Number(a.build > b.build);

/**
 * How many builds of `after` are new or not as they were `before`.
 *
 * @type {(before: Builds, after: Builds) => number}
 */
export function countChanged(before, after) {
  let count = 0;
  for (const [key, state] of after) if (hasChanged(before.get(key), state)) count += 1;
  return count;
}

/** @type {(known: State | undefined, state: State) => boolean} */
const hasChanged = (known, { status, attempt, seq, stopping }) =>
  known?.status !== status ||
  known.attempt !== attempt ||
  known.seq !== seq ||
  Boolean(known.stopping) !== Boolean(stopping);

/**
 * What it counts as: its status, but `delayed` instead of queued, and `lost` instead of running.
 *
 * @type {(state: State, now: number) => string}
 */
const countedAs = (state, now) => (isLost(state) ? "lost" : isDelayed(state, now) ? "delayed" : state.status);

/**
 * How many builds count as what: {running, lost, queued, delayed, …}.
 *
 * @type {(builds: Builds, now: number) => Record<string, number>}
 */
export function countByStatus(builds, now) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const state of builds.values()) {
    const status = countedAs(state, now);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

/**
 * The projects of these builds, by name: [{project, running, lost, queued, delayed, newest}].
 *
 * @type {(builds: Builds, now: number) => ProjectCounts[]}
 */
export function projectsOf(builds, now) {
  const projects = new Map();
  for (const state of builds.values()) {
    const known = projects.get(state.project);
    const none = { running: 0, lost: 0, queued: 0, delayed: 0 };
    const one = known ?? { project: state.project, ...none, newest: state };
    if (!known) projects.set(state.project, one);
    if (UNENDED.has(state.status)) one[countedAs(state, now)] += 1;
    if (byNewest(state, one.newest) < 0) one.newest = state;
  }
  return [...projects.values()].sort((a, b) => BY_NAME.compare(a.project, b.project));
}
