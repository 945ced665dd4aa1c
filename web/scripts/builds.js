/**
 * Builds: states folded into the newest one of every build. Pure.
 *
 * A state is the body of a `build` event: {project, build, kind, status, running, progress,
 * errors, error, attempt, seq, worker, by, priority, script, stopping, stoppedBy, ahead, lost,
 * published, queued, notBefore, started, ended}. `builds` is a Map of the key of a build to its state.
 */

import { moment } from "./time.js";

const ENDINGS = new Set(["succeeded", "failed", "stopped"]);
const BY_NAME = new Intl.Collator("en", { numeric: true });
const RANK = { running: 0, queued: 1 };

export const keyOf = ({ project, build }) => `${project}/${build}`;

export const hasEnded = ({ status }) => ENDINGS.has(status);

/**
 * Whether it can be started again: a build that was asked for by a start, with a script. One that somebody
 * published without a start is done by a program of theirs, which no start reaches.
 */
export const isRepeatable = ({ script, queued }) => Boolean(script && queued);

/** Whether its worker is offline or silent, so that nobody runs it. */
export const isLost = ({ status, lost }) => status === "running" && Boolean(lost);

/** Whether it is not yet time to begin it; `now` in ms. */
export const isDelayed = ({ status, notBefore, stopping }, now) =>
  status === "queued" && !stopping && moment(notBefore) > now;

/**
 * The newest state of a build after `state` came; `known` itself when nothing is new.
 *
 * An ending beats any state that is not one; of two endings the smaller `(attempt, seq)` counts,
 * of two others the larger. With the same `(attempt, seq)` it is a refresh (`ahead`, `lost`).
 * Once asked to stop, a build is stopping until it ends, whatever still arrives.
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

/** Whether a page of a snapshot may leave out unfinished builds: they come before the ended ones. */
export const lacksUnfinished = ({ builds, more, after }) =>
  Boolean(more && after) && !builds.some(hasEnded);

/** Newest build first: build ids sort by time. */
export const byNewest = (a, b) => (a.build < b.build) - (a.build > b.build);

/**
 * At most `limit` builds to show, newest first. When there are more, running builds are kept first,
 * then queued ones.
 */
export function chosen(builds, limit) {
  const all = [...builds.values()].sort(byNewest);
  if (all.length <= limit) return all;
  const rank = ({ status }) => RANK[status] ?? 2;
  return all
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, limit)
    .sort(byNewest);
}

/** How many builds of `after` are new or not as they were `before`. */
export function countChanged(before, after) {
  let count = 0;
  for (const [key, state] of after) if (hasChanged(before.get(key), state)) count += 1;
  return count;
}

const hasChanged = (known, { status, attempt, seq, stopping }) =>
  known?.status !== status ||
  known.attempt !== attempt ||
  known.seq !== seq ||
  Boolean(known.stopping) !== Boolean(stopping);

/** What it counts as: its status, but `delayed` instead of queued, and `lost` instead of running. */
const countedAs = (state, now) => (isLost(state) ? "lost" : isDelayed(state, now) ? "delayed" : state.status);

/** How many builds count as what: {running, lost, queued, delayed, …}. */
export function countByStatus(builds, now) {
  const counts = {};
  for (const state of builds.values()) {
    const status = countedAs(state, now);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

/** The projects of these builds, by name: [{project, running, lost, queued, delayed, newest}]. */
export function projectsOf(builds, now) {
  const projects = new Map();
  for (const state of builds.values()) {
    const known = projects.get(state.project);
    const none = { running: 0, lost: 0, queued: 0, delayed: 0 };
    const one = known ?? { project: state.project, ...none, newest: state };
    if (!known) projects.set(state.project, one);
    if (state.status in RANK) one[countedAs(state, now)] += 1;
    if (byNewest(state, one.newest) < 0) one.newest = state;
  }
  return [...projects.values()].sort((a, b) => BY_NAME.compare(a.project, b.project));
}
