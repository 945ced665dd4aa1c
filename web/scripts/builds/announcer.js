/** Reads out which builds ended or turned red, as one sentence for all of 2 s. */

import { errorCount, shortId, statusOf } from "./build-view.js";
import { hasEnded, keyOf } from "./builds.js";
import { isolated } from "../text/foreign-text.js";

const MOMENT = 2000; // ms

/** Whether what happened between two states is read out: the end, or the first error. `before` may be undefined. */
export const isToldOf = (before, after) =>
  Boolean(before) && (hasEnded(after) ? !hasEnded(before) : after.errors > 0 && before.errors === 0);

/** "acme 2e3f4a5b: Failed at 70 %", "acme 2e3f4a5b, Nightly: 1 error", or "3 builds ended, 1 failed, 2 turned red". */
export function newsText(states) {
  if (states.length === 1) {
    const [state] = states;
    const title = state.title ? `, ${isolated(state.title)}` : "";
    const what = hasEnded(state) ? statusOf(state) : errorCount(state.errors);
    return `${state.project} ${shortId(state.build)}${title}: ${what}`;
  }
  const ended = states.filter(hasEnded);
  const failed = ended.filter(({ status }) => status === "failed").length;
  const red = states.length - ended.length;
  return [
    ended.length && `${counted(ended.length)} ended`,
    failed && `${failed} failed`,
    red && `${ended.length ? red : counted(red)} turned red`,
  ]
    .filter(Boolean)
    .join(", ");
}

const counted = (count) => `${count} ${count === 1 ? "build" : "builds"}`;

/** Returns `announce(state)`; `element` is a polite live region, `later` is setTimeout. */
export function announcer(element, later) {
  const news = new Map(); // key → state
  return function announce(state) {
    news.set(keyOf(state), state);
    if (news.size > 1) return;
    later(() => {
      element.textContent = newsText([...news.values()]);
      news.clear();
    }, MOMENT);
  };
}
