/** The bell in the header: of what one wants to be notified. It makes its own elements, as many pages have it. */

import { disclosure } from "./disclosure.js";
import { hearChoices, recallChoices, rememberChoices } from "./kept-choices.js";
import { MINE, ofBuild, ofProject } from "./notices.js";
import { askPermission, canNotify, permission } from "./notifier.js";
import { lineIcon, make } from "../page/element.js";
import { setHidden, setText } from "../page/render.js";

const BLOCKED = "Your browser blocks notifications of this page. The settings of your browser for this site can allow them.";
const NAMELESS = "Your own builds are those under your name: sign in, or give it when you start a build.";
const WHILE_OPEN = "They come when a build has its first error, and when it ends, while a page of Buildfeed is open that shows it.";
const BELL = "M10 3a4.5 4.5 0 0 0-4.5 4.5c0 4-1.5 5-1.5 6h12c0-1-1.5-2-1.5-6A4.5 4.5 0 0 0 10 3zM8.3 16a1.8 1.8 0 0 0 3.4 0";

/**
 * Put the bell into `header`, where the browser can notify. `me()` is one's name, "" without one.
 *
 * Returns `choices()`: a Set, as in notices.js.
 */
export function bell(header, place, me) {
  if (!canNotify()) return () => new Set();
  let choices = recallChoices();
  const boxes = new Map(); // choice → checkbox

  const list = make("div", { className: "choices" });
  const alert = make("p", { className: "alert", hidden: true });
  const hint = make("p", { className: "hint" });
  const forget = make("button", { className: "button quiet", type: "button", hidden: true });
  const heading = make("h2", { textContent: "Notify me", id: "bell-heading" });
  const panel = make("div", { className: "bell-panel panel", id: "bell-panel", hidden: true }, heading, list, alert, hint, forget);
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-labelledby", heading.id);
  const button = make("button", { className: "button quiet bell", type: "button" }, lineIcon(BELL));
  header.append(make("div", { className: "bell-corner" }, button, panel));
  disclosure(button, panel);

  const offers = [[MINE, "of my own builds"]];
  if (place.project) offers.unshift([ofProject(place), `of all builds of ${place.project}`]);
  if (place.build) offers.unshift([ofBuild(place), "of this build"]);

  function offer([choice, words]) {
    const box = make("input", { type: "checkbox" });
    list.append(make("label", {}, box, ` ${words}`));
    boxes.set(choice, box);
    box.addEventListener("change", () => choose(choice, box.checked));
  }

  async function choose(choice, wanted) {
    const may = !wanted || (await askPermission()) === "granted";
    choices = recallChoices();
    if (wanted && may) choices.add(choice);
    else choices.delete(choice);
    keep();
  }

  forget.addEventListener("click", () => {
    choices = new Set([...recallChoices()].filter((choice) => boxes.has(choice)));
    keep();
    button.focus();
  });

  function keep() {
    rememberChoices(choices);
    show();
  }

  function show() {
    const granted = permission() === "granted";
    if (!panel.hidden && boxes.size === 0) offers.forEach(offer);
    for (const [choice, box] of boxes) box.checked = granted && choices.has(choice);
    const others = [...choices].filter((choice) => !offers.some(([own]) => own === choice)).length;
    const blocked = permission() === "denied";
    setHidden(list, blocked);
    setText(alert, blocked ? BLOCKED : "");
    setText(hint, blocked ? "" : choices.has(MINE) && me() === "" ? NAMELESS : WHILE_OPEN);
    setText(forget, others ? `Forget ${others} ${others === 1 ? "other" : "others"} that I chose` : "");
    const on = granted && choices.size > 0;
    button.setAttribute("aria-label", on ? "Notifications are on" : "Notifications are off");
    button.toggleAttribute("data-on", on);
  }

  hearChoices(() => {
    choices = recallChoices();
    show();
  });
  button.addEventListener("click", show); // the permission may have changed, or one's name
  show();
  return () => choices;
}
