/** How long earlier builds of the same job took. Pure; lengths are in ms. */

import { shortId } from "../builds/build-view.js";
import { hasEnded } from "../builds/builds.js";
import { median } from "../charts/bars.js";
import { buildPath } from "../page/place.js";
import { oneLine } from "../text/foreign-text.js";
import { clock, duration, moment } from "../text/time.js";

export const MOST = 30; // earlier builds that are shown
const OUTCOMES = { succeeded: "Succeeded", failed: "Failed", stopped: "Stopped" };

/** Whether two builds are of the same job; those that pretend are of one job of their own. */
export const isSameJob = (state, other) =>
  (state.job ?? null) === (other.job ?? null) && Boolean(state.script) === Boolean(other.script);

/** How long a build took, null where it never began or has not ended. */
export function lengthOf(state) {
  const [started, ended] = [moment(state.started), moment(state.ended)];
  return hasEnded(state) && started !== null && ended !== null ? Math.max(ended - started, 0) : null;
}

/** Those of `states`, newest first, that are earlier builds of the job of `state` with a length; at most MOST. */
export const earlierOf = (state, states) =>
  states
    .filter((one) => one.build !== state.build && isSameJob(one, state) && lengthOf(one) !== null)
    .slice(0, MOST);

/** What those usually took that succeeded, null where none did. */
export const usualOf = (states) => median(states.filter(({ status }) => status === "succeeded").map(lengthOf));

/** The entries of the chart (duration-chart.js), the oldest first: `earlier` builds, and this one when it has ended. */
export function entriesOf(state, earlier, now) {
  const own = lengthOf(state) === null ? [] : [state];
  return [...[...earlier].reverse(), ...own].map((one) => ({
    key: one.build,
    look: one.status,
    length: lengthOf(one),
    name: one === state ? `${shortId(one.build)} (this one)` : shortId(one.build),
    href: buildPath(one),
    title: oneLine(one.title ?? ""),
    ended: OUTCOMES[one.status],
    when: { text: clock(moment(one.ended), now), iso: new Date(moment(one.ended)).toISOString() },
  }));
}

/** "12 of 15 succeeded, usually in 41 s. This one took 12 s longer." */
export function captionOf(state, earlier) {
  const succeeded = earlier.filter(({ status }) => status === "succeeded").length;
  const usual = usualOf(earlier);
  const all = `${succeeded} of ${earlier.length} succeeded${usual === null ? "" : `, usually in ${duration(usual)}`}.`;
  const length = lengthOf(state);
  if (usual === null || length === null || state.status !== "succeeded") return all;
  const more = length - usual;
  if (Math.abs(more) < Math.max(usual / 10, 500)) return `${all} So did this one.`;
  return `${all} This one took ${duration(Math.abs(more))} ${more > 0 ? "longer" : "less"}.`;
}
