/**
 * The lines that are seen, and some around them: rows of one height, made for what is near and taken away again.
 *
 * `model` says what there is: {count, number, line, href}: how many lines · the number of the first one, null while it
 * is not known · line(index): {text, style}, undefined while it is not there · href(number): the address of a line.
 */

import { spansOf } from "../text/ansi.js";
import { setAttribute } from "../page/render.js";
import { marked } from "./search.js";
import { endOf, seen, topOf, windowOf } from "./window.js";

const LONGEST = 4000; // letters of a line that are shown
const NEAR_END = 2; // rows from the end within which the end is followed

/**
 * `element` is the one that scrolls, `rows` the one inside for the lines. Calls `hear.needs(index)` for a line that is
 * not there, and `hear.following(follows)` when that changes because somebody scrolls.
 */
export function viewport(element, rows, hear) {
  const made = new Map(); // index of a line → {row, number, text, told}
  let model = { count: 0, number: null, line: () => undefined, href: () => "" };
  let row = 20; // px
  let follows = false;
  let widest = 0; // letters
  let chosen = -1; // index of the line that the address names, or that was found
  let wanted = ""; // the text that is searched for
  let drawn = null; // what is drawn already
  let lacks = false; // whether a line that is drawn is not there
  let waiting = false;
  let ownTop = -1; // where we scrolled to ourselves

  element.addEventListener("scroll", () => {
    const size = sized();
    if (Math.abs(element.scrollTop - ownTop) > 1) {
      const isAtEnd = element.scrollTop >= endOf(size) - NEAR_END * row;
      if (isAtEnd !== follows) {
        follows = isAtEnd;
        hear.following(follows);
      }
    }
    drawSoon();
  });
  new ResizeObserver(() => {
    drawn = null;
    drawSoon();
  }).observe(element);
  rows.addEventListener("keydown", walk);

  return {
    /** Show what `next` says. `anew`: lines that are drawn may be others now. */
    show(next, anew = false) {
      const distance = follows || !anew ? 0 : endOf(sized()) - element.scrollTop;
      const hadNumbers = model.number !== null;
      model = next;
      if (!made.size) measure();
      if (anew) forget();
      // The end was there before its beginning: what is seen of it stays in its place.
      if (anew && !hadNumbers && next.number !== null && !follows && next.count) scrollTo(endOf(sized()) - distance);
      drawSoon();
    },
    follow(on) {
      follows = on;
      drawSoon();
    },
    get follows() {
      return follows;
    },
    /** Bring a line into view, and mark it. */
    choose(index) {
      chosen = index;
      drawn = null;
      if (index >= 0) {
        follows = false;
        rows.style.height = `${windowOf(sized()).height}px`;
        const [first, last] = seen(sized());
        if (index < first + 1 || index >= last - 1) scrollTo(topOf(index, sized()));
        hear.following(follows);
      }
      drawSoon();
    },
    search(text) {
      wanted = text;
      forget();
      drawSoon();
    },
    toTop() {
      follows = false;
      scrollTo(0);
      hear.following(follows);
      drawSoon();
    },
    /** The index of the first line that is wholly seen. */
    get first() {
      const [first] = seen({ ...sized(), top: sized().top + row - 1 });
      return first;
    },
  };

  function sized() {
    return { top: element.scrollTop, view: element.clientHeight, count: model.count, row };
  }

  function scrollTo(top) {
    rows.style.height = `${windowOf(sized()).height}px`;
    element.scrollTop = top;
    ownTop = element.scrollTop;
  }

  function forget() {
    for (const { row: each } of made.values()) each.remove();
    made.clear();
    drawn = null;
  }

  function drawSoon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  }

  function draw() {
    waiting = false;
    if (follows) {
      const end = endOf(sized());
      if (Math.abs(element.scrollTop - end) > 1 || rows.clientHeight < end) scrollTo(end);
    }
    const size = sized();
    const { first, last, y, height } = windowOf(size);
    const plan = [first, last, y, height, model.count, model.number, chosen].join();
    if (plan === drawn && !lacks) return refresh(last - 1);
    lacks = false;
    drawn = plan;
    rows.style.height = `${height}px`;
    rows.style.setProperty("--y", `${y}px`);
    const focused = document.activeElement;
    for (const [index, { row: each }] of made) {
      if (index >= first && index < last) continue;
      if (each.contains(focused)) element.focus({ preventScroll: true });
      each.remove();
      made.delete(index);
    }
    let before = null;
    for (let index = last - 1; index >= first; index--) {
      const { row: each } = made.get(index) ?? make(index);
      if (each.parentNode !== rows || each.nextSibling !== before) rows.insertBefore(each, before);
      fill(index);
      before = each;
    }
    measure();
  }

  /** The last line may have grown. */
  function refresh(index) {
    if (made.has(index)) fill(index);
  }

  function make(index) {
    const each = document.createElement("div");
    const number = document.createElement("a");
    const text = document.createElement("span");
    each.className = "line";
    number.className = "number";
    text.className = "text";
    text.dir = "auto";
    each.append(number, text);
    const entry = { row: each, number, text, told: null };
    made.set(index, entry);
    return entry;
  }

  function fill(index) {
    const entry = made.get(index);
    const number = model.number === null ? null : model.number + index;
    const label = number === null ? "" : String(number);
    if (entry.number.textContent !== label) {
      entry.number.textContent = label;
      if (number !== null) {
        setAttribute(entry.number, "href", model.href(number));
        entry.number.setAttribute("aria-label", `Line ${label}`);
      } else for (const name of ["href", "aria-label"]) entry.number.removeAttribute(name);
    }
    setAttribute(entry.number, "tabindex", index === tabStop() ? 0 : -1);
    entry.row.toggleAttribute("data-chosen", index === chosen);
    const line = model.line(index);
    if (!line) {
      lacks = true;
      hear.needs(index);
    }
    const told = line ? line.text : null;
    if (entry.told === told && told !== null) return;
    entry.told = told;
    entry.text.replaceChildren(...(line ? nodesOf(line) : ["…"]));
  }

  /** The one line number that the tab key reaches: that of the chosen line if it is drawn, else of the first one seen. */
  function tabStop() {
    if (made.has(chosen)) return chosen;
    return Math.min(seen(sized())[0], Math.max(model.count - 1, 0));
  }

  function nodesOf({ text, style }) {
    const short = text.length > LONGEST ? text.slice(0, LONGEST) : text;
    const { spans } = spansOf(short, style);
    const nodes = marked(spans, wanted).map(nodeOf);
    if (text.length > LONGEST) {
      const more = document.createElement("em");
      more.textContent = ` … ${(text.length - LONGEST).toLocaleString("en")} more characters`;
      nodes.push(more);
    }
    if (short.length > widest) {
      widest = short.length;
      rows.style.setProperty("--widest", `${widest}ch`);
    }
    return nodes;
  }

  /** All rows are as high as one is: it depends on the fonts, and on what a person has set. */
  function measure() {
    const [first] = made.values();
    const { row: one } = first ?? make(-1);
    if (!first) rows.append(one);
    const height = one.getBoundingClientRect().height;
    if (!first) {
      one.remove();
      made.delete(-1);
    }
    if (!height || Math.abs(height - row) < 0.01) return;
    const top = (element.scrollTop * height) / row;
    row = height;
    if (!follows && top) scrollTo(top);
    drawn = null;
    drawSoon();
  }

  /** By the arrow keys one walks from one line number to the next. */
  function walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches(".number")) return;
    for (const [index, { number }] of made) {
      if (number !== event.target) continue;
      const next = made.get(index + step);
      if (!next) return;
      event.preventDefault();
      next.number.focus();
      return;
    }
  }
}

function nodeOf({ text, look, marked: isMarked }) {
  if (!look && !isMarked) return text;
  const node = document.createElement(isMarked ? "mark" : "span");
  if (look) node.className = look;
  node.textContent = text;
  return node;
}
