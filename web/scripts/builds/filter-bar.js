/** The filters of the list: a chip for each state, fields for the rest, and a line that says what they leave out. */

import { NONE, STATES, activeOf } from "./filters.js";
import { phrase } from "../text/phrase.js";
import { copyOf, dispatch, partsOf, setAttribute, setChildren, setHidden, setPhrases, setText } from "../page/render.js";

const FIELDS = Object.keys(NONE).filter((name) => name !== "state");
const COMPLETE = ["running", "queued", "lost"]; // the page has every build in these states
const HIDDEN = "failed"; // for addresses: “With errors” has the same builds, and those that are red already

/**
 * Shows `filters` in `element`, and dispatches `filter` with the new ones as somebody changes them. The project has a
 * field only on the page of all of them.
 *
 * Returns `update({counts, more, shown, all, projects, jobs, people})`. counts: builds by state, of those that the other
 * filters let through · more: older ones are not loaded · shown, all: how many of the loaded ones are listed, and how
 * many there are · and the names to choose from.
 */
export function filterBar(element, filters, { project }) {
  const parts = partsOf(element);
  const { elements: fields } = parts.form;
  let current = filters;
  for (const name of FIELDS) fields[name].value = filters[name];
  setHidden(parts.projectField, project !== null);
  const chips = new Map(Object.entries({ "": "All", ...STATES }).map(([name, label]) => [name, chipOf(name, label)]));
  parts.chips.append(...[...chips.values()].map(({ chip }) => chip));
  open(FIELDS.some((name) => name !== "text" && filters[name] !== ""));

  parts.toggle.addEventListener("click", () => open(!element.hasAttribute("data-filtering")));
  parts.form.addEventListener("submit", (event) => {
    event.preventDefault();
    take(FIELDS);
  });
  // The MQTT filter is a question to the gateway, so it waits until it is whole.
  parts.form.addEventListener("input", ({ target }) => target.name !== "watch" && take([target.name]));
  fields.watch.addEventListener("change", () => take(["watch"]));
  parts.clear.addEventListener("click", () => {
    for (const name of FIELDS) fields[name].value = "";
    parts.toggle.focus({ preventScroll: true }); // this button goes
    change(NONE);
  });

  /** A radio button that looks like a chip: of the states one is chosen, or all of them. */
  function chipOf(name, label) {
    const chip = copyOf("state-chip");
    const cells = partsOf(chip);
    chip.dataset.state = name;
    cells.radio.value = name;
    cells.label.textContent = label;
    cells.radio.addEventListener("change", () => change({ state: name }));
    return { chip, ...cells };
  }

  const take = (names) => change(Object.fromEntries(names.map((name) => [name, fields[name].value.trim()])));

  function change(some) {
    current = { ...current, ...some };
    dispatch(element, "filter", current);
  }

  function open(wide) {
    for (const one of [element, document.body]) one.toggleAttribute("data-filtering", wide);
    setAttribute(parts.toggle, "aria-expanded", wide);
  }

  return function update({ counts, more, shown, all, projects, jobs, people }) {
    for (const [name, { chip, radio, count: number }] of chips) {
      const count = counts[name] ?? 0;
      const selected = current.state === name;
      if (radio.checked !== selected) radio.checked = selected;
      setHidden(chip, name !== "" && !selected && (name === HIDDEN || count === 0));
      const plus = more && !COMPLETE.includes(name) ? "+" : "";
      setText(number, name && count ? `${count}${plus}` : "");
    }
    const known = [projects, jobs, people];
    [parts.projects, parts.jobs, parts.people].forEach((list, i) => setChildren(list, known[i], (text) => new Option(text)));
    const said = [];
    if (current.watch) said.push(phrase`The gateway sends only what matches ${current.watch}`);
    if (activeOf(current).length) said.push(`${shown} of ${all} builds${more ? " loaded here" : ""}`);
    setPhrases(parts.said, said);
    setHidden(parts.active, said.length === 0);
  };
}
