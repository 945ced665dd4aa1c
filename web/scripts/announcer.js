/** Reads out which builds ended, as one sentence for all that end within 2 s. */

import { shortId, statusOf } from "./build-view.js";

const MOMENT = 2000; // ms

/** "acme 2e3f4a5b: Failed at 70 %", or "3 builds ended, 1 failed". */
export function endingsText(states) {
  if (states.length === 1) {
    const [state] = states;
    return `${state.project} ${shortId(state.build)}: ${statusOf(state)}`;
  }
  const failed = states.filter(({ status }) => status === "failed").length;
  return `${states.length} builds ended${failed ? `, ${failed} failed` : ""}`;
}

/** Returns `announce(state)`; `element` is a polite live region, `later` is setTimeout. */
export function announcer(element, later) {
  let ended = [];
  return function announce(state) {
    ended.push(state);
    if (ended.length > 1) return;
    later(() => {
      element.textContent = endingsText(ended);
      ended = [];
    }, MOMENT);
  };
}
