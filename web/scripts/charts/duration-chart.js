/** How builds ended and how long they took: a chart for the eye, and the same as a table. */

import { partsOf, setAttribute, setChildren, setHidden, setPhrases, setText } from "../page/render.js";
import { phrase } from "../text/phrase.js";
import { duration } from "../text/time.js";
import { barsOf } from "./bars.js";

const FRAME = `
  <div class="plot" aria-hidden="true">
    <span class="top" data-part="top"></span>
    <div class="bars" data-part="bars"></div>
    <div class="usual" data-part="usual" hidden></div>
  </div>
  <figcaption data-part="caption"></figcaption>
  <details>
    <summary>As a table</summary>
    <div class="scrolled" tabindex="0" role="region" aria-label="Builds as a table">
      <table>
        <thead><tr><th scope="col">Build</th><th scope="col">Ended</th><th scope="col">Took</th><th scope="col">When</th></tr></thead>
        <tbody data-part="rows"></tbody>
      </table>
    </div>
  </details>`;

/**
 * Returns `update(entries, caption)`; `element` is an empty `figure`. An entry, the oldest first, is {key, look, length,
 * name, href, title, ended, when}: `length` in ms or null, `name` of the build, `title` a text of others or "", `ended` a
 * word, `when` {text, iso}. The caption says in words what the chart shows.
 */
export function durationChart(element) {
  element.classList.add("duration-chart");
  element.append(document.createRange().createContextualFragment(FRAME));
  const parts = partsOf(element);
  const details = element.querySelector("details");
  let shown = [];
  details.addEventListener("toggle", showRows);

  return function update(entries, caption) {
    shown = entries;
    const { bars, top, longest, line } = barsOf(entries);
    const byKey = new Map(entries.map((entry, i) => [entry.key, { entry, bar: bars[i] }]));
    setHidden(element, entries.length === 0);
    setText(parts.top, top === null ? "" : longest > top ? `${duration(top)}, the longest took ${duration(longest)}` : duration(top));
    setChildren(parts.bars, [...byKey.keys()], createBar);
    for (const link of parts.bars.children) {
      const { entry, bar } = byKey.get(link.dataset.key);
      setAttribute(link, "data-look", bar.look);
      setAttribute(link, "data-cut", bar.cut);
      setAttribute(link, "href", entry.href);
      setAttribute(link, "title", told(entry));
      link.style.setProperty("--height", bar.height);
    }
    setHidden(parts.usual, line === null);
    parts.usual.style.setProperty("--height", line ?? 0);
    setText(parts.caption, caption);
    showRows();
  };

  /** The table is made only for who opens it. */
  function showRows() {
    if (!details.open) return;
    const byKey = new Map(shown.map((entry) => [entry.key, entry]));
    setChildren(parts.rows, [...byKey.keys()].reverse(), createRow);
    for (const row of parts.rows.children) fill(row, byKey.get(row.dataset.key));
  }
}

/** Links of bars are for the mouse; by keyboard one goes to the same builds in the table. */
function createBar() {
  const link = document.createElement("a");
  link.tabIndex = -1;
  link.append(document.createElement("span"));
  return link;
}

function createRow() {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.append(document.createElement("a"), document.createElement("span"));
  const when = document.createElement("td");
  when.append(document.createElement("time"));
  row.append(name, document.createElement("td"), document.createElement("td"), when);
  return row;
}

function fill(row, { name, href, title, ended, look, length, when }) {
  const [build, word, took, moment] = row.children;
  const [link, said] = build.children;
  setAttribute(link, "href", href);
  setText(link, name);
  setPhrases(said, title ? [phrase`${title}`] : []);
  setAttribute(word, "data-look", look);
  setText(word, ended);
  setText(took, length === null ? "–" : duration(length));
  setText(moment.firstElementChild, when.text);
  setAttribute(moment.firstElementChild, "datetime", when.iso);
}

const told = ({ name, ended, length }) =>
  [name, ended, length === null ? "" : `took ${duration(length)}`].filter(Boolean).join(", ");
