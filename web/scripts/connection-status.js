/** Whether the page is live, said politely: only what is new in it is read out. */

import { partsOf, setAttribute, setText } from "./render.js";

/** Returns `update(liveness)`. */
export function connectionStatus(element) {
  const parts = partsOf(element);
  return function update({ state, text, detail }) {
    setAttribute(element, "data-state", state);
    setText(parts.text, text);
    setText(parts.detail, detail);
  };
}
