/** The bar for other pages: which build it shows, and in which words. Pure; moments are ms. */

import { lookOf, statusOf, toneOf } from "../builds/build-view.js";
import { byNewest, hasEnded, isLost } from "../builds/builds.js";
import { phrase } from "../text/phrase.js";
import { ago, elapsed, moment } from "../text/time.js";

const DEFAULT = "default"; // the job of a start that names none

/** The name of the project in a path such as `/embed/acme`, which may lie below `root`. */
export function projectAt(path, root) {
  const plain = path.replace(/\/{2,}/g, "/");
  const own = root && plain.startsWith(`${root}/`) ? plain.slice(root.length) : plain;
  return own.match(/^\/embed\/([^/]+)\/?$/)?.[1] ?? "";
}

/**
 * The build to show of a Map of states: of those that run the newest that is red or lost, else the newest, else the newest
 * that ended, else one that waits.
 */
export function shownOf(builds) {
  const states = [...builds.values()].sort(byNewest);
  const running = states.filter(({ status }) => status === "running");
  const worst = running.find((state) => state.errors > 0 || isLost(state));
  return worst ?? running[0] ?? states.find(hasEnded) ?? states[0] ?? null;
}

/** The newest build that has ended; null if none has. */
export const newestEnded = (builds) => [...builds.values()].filter(hasEnded).sort(byNewest)[0] ?? null;

/** What the bar shows of a build: `now` is the gateway's time, `workers` how many are online, null while not known. */
export function viewOf(state, builds, { now, workers }) {
  const running = [...builds.values()].filter(({ status }) => status === "running").length;
  const others = running - (state.status === "running");
  const title = state.job && state.job !== DEFAULT ? state.job : (state.title ?? "");
  return {
    look: lookOf(state, now),
    tone: toneOf(state),
    status: [statusOf(state, now, workers), state.errors && !hasEnded(state) ? errorsOf(state.errors) : ""].filter(Boolean).join(", "),
    title: title ? [phrase`${title}`] : [],
    progress: state.indeterminate && !hasEnded(state) ? null : state.status === "succeeded" ? 100 : state.progress,
    when: [whenOf(state, now), others > 0 ? `${others} more running` : ""].filter(Boolean).join(" · "),
  };
}

const errorsOf = (count) => `${count} ${count === 1 ? "error" : "errors"}`;

function whenOf(state, now) {
  const [started, ended] = [moment(state.started), moment(state.ended)];
  if (ended !== null) return ago(now - ended);
  return started === null ? "" : `for ${elapsed(now - started)}`;
}

/** What it says in place of a build; `liveness` as of liveness.js, `refusal` {message, code} or null. */
export function emptyOf({ project, known, refusal, trouble, builds }) {
  if (refusal) {
    return refusal.code === "not-signed-in" ? `Sign in to Buildfeed to see the builds of ${project}.` : refusal.message;
  }
  if (known && builds.size === 0) return `No build of ${project} yet, or none that everybody may see.`;
  if (!known) return trouble || "Connecting…";
  return "";
}
