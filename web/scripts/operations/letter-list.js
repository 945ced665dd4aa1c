/** The starts that were given up, each with buttons that retry or drop it. What became of one stays in its place. */

import { dropDead, retryDead } from "../api/api.js";
import { shortId } from "../builds/build-view.js";
import { buildPath } from "../page/place.js";
import { copyOf, partsOf, setAttribute, setChildren, setDisabled, setHidden, setPhrases, setText } from "../page/render.js";
import { leadOf, rowsOf } from "./letters.js";

/** Returns {update(dead, rights), failed(sentence), forget()}. Calls `changed()` when letters went. */
export function letterList(parts, { changed }) {
  const rows = new Map(); // by key: {cells, row, letter}
  const done = new Map(); // by key: the letter that went, with what became of it

  parts.retryAll.addEventListener("click", retryAll);

  function create(key) {
    const element = copyOf("letter");
    const cells = partsOf(element);
    const own = { element, cells, letter: null };
    rows.set(key, own);
    cells.retry.addEventListener("click", () => press(own, cells.retry, retry));
    cells.drop.addEventListener("click", () => confirm(own, true));
    cells.keep.addEventListener("click", () => confirm(own, false));
    cells.sure.addEventListener("click", () => press(own, cells.sure, drop));
    element.addEventListener("keydown", (event) => event.key === "Escape" && !cells.sure.hidden && confirm(own, false));
    return element;
  }

  /** Ask once more before something goes for good; focus goes along. */
  function confirm({ cells, letter }, asks) {
    setHidden(cells.retry, asks || !letter.retry);
    setHidden(cells.drop, asks);
    setHidden(cells.sure, !asks);
    setHidden(cells.keep, !asks);
    (asks ? cells.keep : cells.drop).focus();
  }

  async function press(own, button, work) {
    if (button.disabled) return;
    if (!(await attempt(own, work))) return button.focus(); // a button that was disabled has lost it
    (own.cells.again.hidden ? own.cells.done : own.cells.again).focus();
    changed();
  }

  /** Do something with a letter, and say what came of it; returns whether it is gone. */
  async function attempt(own, work) {
    const { cells, letter } = own;
    setText(cells.alert, "");
    setBusy(cells, true);
    try {
      done.set(letter.key, { ...letter, ...(await work(letter)) });
      draw(own, done.get(letter.key));
      return true;
    } catch (error) {
      setText(cells.alert, error.message);
      setBusy(cells, false);
      return false;
    }
  }

  /** One after the other: each takes its letter from the queue. The first that fails ends it. */
  async function retryAll() {
    setDisabled(parts.retryAll, true);
    for (const own of left()) if (!(await attempt(own, retry))) break;
    setDisabled(parts.retryAll, false);
    changed();
    if (left().length < MANY) parts.deadHeading.focus(); // the button goes
    else parts.retryAll.focus();
  }

  const left = () => [...rows.values()].filter(({ letter }) => letter?.retry && !done.has(letter.key));

  async function retry(letter) {
    const build = await retryDead(letter);
    return { words: "Begins again as", again: build };
  }

  async function drop(letter) {
    await dropDead(letter);
    return { words: "Dropped.", again: null };
  }

  function draw({ element, cells }, letter) {
    const gone = letter.words !== undefined;
    setPhrases(cells.name, [letter.name]);
    setPhrases(cells.facts, letter.facts);
    setPhrases(cells.why, letter.why);
    setAttribute(element, "data-gone", gone);
    setText(cells.done, letter.words ?? "");
    cells.done.tabIndex = -1;
    setHidden(cells.again, !letter.again);
    if (letter.again) {
      setText(cells.again, `${letter.again.project} ${shortId(letter.again.build)}`);
      setAttribute(cells.again, "href", buildPath(letter.again));
    }
    const asks = !cells.sure.hidden && !gone;
    setHidden(cells.retry, gone || asks || !letter.retry);
    setHidden(cells.drop, gone || asks || !letter.drop);
    if (gone) [cells.sure, cells.keep].forEach((button) => setHidden(button, true));
    const what = `${letter.project} ${shortId(letter.build)}`;
    for (const [name, word] of WORDS) setAttribute(cells[name], "aria-label", `${word} ${what}`);
  }

  return {
    update(dead, rights) {
      const known = new Map([...done, ...rowsOf(dead, rights, Date.now()).map((row) => [row.key, row])]);
      for (const key of known.keys()) if (done.has(key) && known.get(key).words === undefined) done.delete(key); // it came back
      for (const key of rows.keys()) if (!known.has(key)) rows.delete(key);
      const inOrder = new Set([...rows.keys(), ...known.keys()]); // none moves: a row that does loses the focus
      setChildren(parts.letters, [...inOrder], create);
      for (const [key, letter] of known) {
        const own = rows.get(key);
        own.letter = letter;
        draw(own, letter);
      }
      setText(parts.retryAll, left().length < MANY ? "" : `Retry all ${left().length}`);
      setText(parts.deadLead, leadOf(dead));
      setText(parts.deadAlert, "");
    },
    failed(sentence) {
      setText(parts.deadAlert, sentence);
    },
    forget() {
      rows.clear();
      done.clear();
      parts.letters.replaceChildren();
      setText(parts.deadLead, "");
      setText(parts.deadAlert, "");
    },
  };
}

const WORDS = [
  ["retry", "Retry"],
  ["drop", "Drop"],
  ["sure", "Drop for good"],
  ["keep", "Keep"],
];

const MANY = 2; // letters from which there is a button for all of them

const setBusy = (cells, busy) => WORDS.forEach(([name]) => setDisabled(cells[name], busy));
