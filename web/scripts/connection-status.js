/** Whether the page is live, said politely: the seconds are for the eye only. */

import { partsOf, setAttribute, setText } from "./render.js";

/** Returns `update(liveness)`. */
export function connectionStatus(element) {
  const parts = partsOf(element);
  return function update({ state, text, since }) {
    setAttribute(element, "data-state", state);
    setText(parts.text, text);
    setText(parts.since, since);
  };
}
