/**
 * The button “Start a build” and the sheet that it opens: from below on a phone, beside the button on a desk.
 *
 * It is a dialog: the focus goes into it and stays there, and Escape, the cross, a press beside it and a start close it;
 * then the focus is where it was before.
 */

import { partsOf, setAttribute, setHidden } from "../page/render.js";

const FOCUSABLE = "a[href], button, input, select, summary";

/** `opener` is the button, `sheet` the dialog. Returns {open, close, show}; `show(whether)`: one may start builds. */
export function startSheet(opener, sheet) {
  const parts = partsOf(sheet);
  let before = null; // what had the focus

  const isOpen = () => !sheet.hidden;

  function open() {
    if (isOpen()) return;
    before = document.activeElement;
    setHidden(sheet, false);
    setAttribute(opener, "aria-expanded", true);
    const field = usable().find((element) => element.matches("input, select"));
    // On a phone the keyboard would come up with a field, and cover the sheet.
    (matchMedia("(pointer: coarse)").matches ? sheet : field ?? parts.close).focus({ preventScroll: true });
  }

  function close() {
    if (!isOpen()) return;
    setHidden(sheet, true);
    setAttribute(opener, "aria-expanded", false);
    const back = before?.isConnected && before !== document.body ? before : opener;
    back.focus({ preventScroll: true });
  }

  const usable = () => [...sheet.querySelectorAll(FOCUSABLE)].filter((element) => !element.disabled && element.offsetParent);

  opener.addEventListener("click", () => (isOpen() ? close() : open()));
  parts.close.addEventListener("click", close);
  parts.beside.addEventListener("click", close);
  sheet.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      close();
    } else if (event.key === "Tab") {
      turn(event);
    }
  });

  /** From the last element the focus goes to the first, and back. */
  function turn(event) {
    const elements = usable();
    const [from, to] = event.shiftKey ? [elements[0], elements[elements.length - 1]] : [elements[elements.length - 1], elements[0]];
    const here = document.activeElement;
    if (here !== from && !(here === sheet && event.shiftKey)) return;
    event.preventDefault();
    to.focus();
  }

  return {
    open,
    close,
    show(may) {
      setHidden(opener, !may);
      if (!may) close();
    },
  };
}
