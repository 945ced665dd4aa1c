/** A button that copies the text of a field; where a browser forbids that, it is selected instead. */

import { setText } from "./render.js";

const SAID = 4000; // ms for which it says so

/** `said` is an element that screen readers hear; `what` names the text in it, as in "The badge". */
export function copyButton(button, field, said, what) {
  let timer;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    clearTimeout(timer);
    try {
      await navigator.clipboard.writeText(field.value);
      setText(said, `${what} is copied.`);
    } catch {
      field.select();
      setText(said, "Your browser does not let the page copy: the text is selected, copy it.");
      return;
    }
    timer = setTimeout(() => setText(said, ""), SAID);
  });
}
