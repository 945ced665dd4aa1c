/** The light in the header: whether the page is live. Screen readers read out only what changes. */

import { partsOf, setAttribute, setText } from "../page/render.js";

/** Returns `update(liveness)`. */
export function connectionStatus(element) {
  const parts = partsOf(element);
  const header = element.closest(".page-header");
  let shown = ""; // an update comes with every event, and seldom has news

  return function update({ state, text, detail }) {
    const next = `${state} ${text} ${detail}`;
    if (next === shown) return;
    shown = next;
    setAttribute(element, "data-state", state);
    setText(parts.text, text);
    setText(parts.detail, detail);
    header.toggleAttribute("data-detailed", detail !== "");
  };
}
