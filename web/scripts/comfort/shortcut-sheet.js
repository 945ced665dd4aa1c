/** The sheet that says which keys do what on this page, and switches them off. */

import { keysAreOn, switchKeys } from "./shortcuts.js";
import { make } from "../page/element.js";
import { setHidden } from "../page/render.js";

/** What keys do that elements say as theirs, in the order of the sheet; an element may say it otherwise by data-key-help. */
const WORDS = { s: "Start a build", "/": "Filter the builds", e: "Go to the first error", f: "Follow the output" };

/** Add the sheet to the page, and to `footer` a button that opens it. Returns `open()`. */
export function shortcutSheet(footer) {
  const heading = make("h2", { textContent: "Keys", id: "shortcut-heading" });
  const list = make("dl");
  const box = make("input", { type: "checkbox" });
  const closing = make("button", { className: "button", type: "button", textContent: "Close" });
  const label = make("label", {}, box, " These keys work here");
  const panel = make("div", { className: "shortcut-sheet panel" }, heading, list, label, closing);
  const sheet = make("div", { className: "shortcut-cover", hidden: true }, panel);
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-modal", "true");
  panel.setAttribute("aria-labelledby", heading.id);
  document.body.append(sheet);
  const opener = make("button", { className: "button quiet", type: "button", textContent: "Keys" });
  opener.setAttribute("aria-haspopup", "dialog");
  footer.append(opener);

  let before = null; // what had the focus

  function open() {
    before = document.activeElement;
    list.replaceChildren(...rows());
    box.checked = keysAreOn();
    setHidden(sheet, false);
    closing.focus();
  }

  function close() {
    setHidden(sheet, true);
    (before?.isConnected ? before : opener).focus();
  }

  opener.addEventListener("click", open);
  closing.addEventListener("click", close);
  box.addEventListener("change", () => switchKeys(box.checked));
  sheet.addEventListener("pointerdown", ({ target }) => target === sheet && close());
  sheet.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Tab") stayWithin(event, [box, closing]);
  });
  return open;
}

/** The rows of the keys that do something on this page. */
function rows() {
  const said = new Map();
  for (const element of document.querySelectorAll("[aria-keyshortcuts]")) {
    for (const key of element.getAttribute("aria-keyshortcuts").split(" ")) {
      const words = element.dataset.keyHelp ?? WORDS[key];
      if (words && element.getClientRects().length && !said.has(key)) said.set(key, words);
    }
  }
  const list = document.querySelector("#build-list")
    ? [
        [["j", "↓"], "The next build"],
        [["k", "↑"], "The build before"],
        [["Enter"], "Open the build"],
      ]
    : [];
  return [...list, ...[...said].map(([key, words]) => [[key], words]), [["?"], "Show these keys"]].map(row);
}

function row([keys, words]) {
  const names = keys.flatMap((key, i) => [i ? " or " : "", make("kbd", { textContent: key })]);
  return make("div", {}, make("dt", {}, ...names), make("dd", { textContent: words }));
}

/** Keep the focus among `elements`, the first and the last that take it. */
function stayWithin(event, elements) {
  const [first, last] = [elements[0], elements[elements.length - 1]];
  const edge = event.shiftKey ? first : last;
  if (document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? last : first).focus();
}
