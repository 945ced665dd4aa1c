/** The order of the builds on the page: those that go on, and below them those that have ended. Pure. */

import { byNewest, hasEnded, isLost } from "./builds.js";
import { moment } from "../text/time.js";

const [LOST, RUNS, WAITS, DELAYED] = [0, 1, 2, 3]; // what needs a person comes first, then what moves

/** The part of the list in which a build stands; one that ended a moment ago stays where it was. */
function rankOf(state, now) {
  if (isLost(state)) return LOST;
  if (state.status === "running" || moment(state.started) !== null) return RUNS;
  return moment(state.notBefore) > now ? DELAYED : WAITS;
}

/**
 * {ongoing, ended, due}: lists of [key, state] of the builds that `fits` lets through, and the moment when the first of
 * those that are delayed is no longer, Infinity without one.
 *
 * `lingering` has the keys of builds that ended a moment ago: for now they stand among those that go on. Builds that
 * wait stand in the order in which they came, all others with the newest first.
 */
export function arranged(builds, { fits, lingering, now }) {
  const ongoing = [];
  const ended = [];
  let due = Infinity;
  for (const entry of builds) {
    const [key, state] = entry;
    if (!fits(state)) continue;
    if (hasEnded(state) && !lingering.has(key)) {
      ended.push(entry);
      continue;
    }
    const rank = rankOf(state, now);
    if (rank === DELAYED) due = Math.min(due, moment(state.notBefore));
    ongoing.push({ entry, rank });
  }
  ended.sort(([, a], [, b]) => byNewest(a, b));
  ongoing.sort((a, b) => a.rank - b.rank || byNewest(a.entry[1], b.entry[1]) * (a.rank < WAITS ? 1 : -1));
  return { ongoing: ongoing.map(({ entry }) => entry), ended, due };
}

/** Whether a build that was `before` may now stand elsewhere, or be left out by a filter. */
export const moves = (before, after, fits) =>
  !before ||
  before.status !== after.status ||
  isLost(before) !== isLost(after) ||
  fits(before) !== fits(after);

/** The keys of the builds that have ended, of the oldest of them beyond `limit`. */
export function beyond(builds, limit) {
  const ended = [...builds].filter(([, state]) => hasEnded(state));
  if (ended.length <= limit) return [];
  return ended
    .sort(([, a], [, b]) => byNewest(a, b))
    .slice(limit)
    .map(([key]) => key);
}
