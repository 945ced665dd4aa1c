/** A button that opens a panel beside it. Escape, and a press elsewhere, close it; the focus returns to the button. */

import { setHidden } from "../page/render.js";

/** Returns {open, close, isOpen}; the panel has an id. */
export function disclosure(button, panel) {
  button.setAttribute("aria-controls", panel.id);
  button.setAttribute("aria-expanded", "false");
  const isOpen = () => !panel.hidden;

  function set(open) {
    setHidden(panel, !open);
    button.setAttribute("aria-expanded", String(open));
  }

  function close() {
    if (!isOpen()) return;
    const within = panel.contains(document.activeElement);
    set(false);
    if (within) button.focus();
  }

  button.addEventListener("click", () => (isOpen() ? close() : set(true)));
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  document.addEventListener("pointerdown", ({ target }) => {
    if (isOpen() && !panel.contains(target) && !button.contains(target)) set(false);
  });
  return { open: () => set(true), close, isOpen };
}
