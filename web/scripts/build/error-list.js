/** The errors of a build: the first one on top, repeated ones once. */

import { copyOf, dispatch, partsOf, setAttribute, setChildren, setHidden, setText } from "../page/render.js";
import { PLAIN, spansOf } from "../text/ansi.js";
import { oneLine } from "../text/foreign-text.js";
import { byAttempt, countText, firstLine, placeOf } from "./errors.js";

const SHOWN = 20; // errors of an attempt at first
const LINES = 12; // of an error at first

/**
 * Returns {update, toError}: `update({errors, more, alert}, attempt)`, `attempt` being the newest one, and `toError(number, focus)` brings an error into view, with the
 * focus or without, true if it is there. Its buttons dispatch `more-errors` and `find-in-output`.
 */
export function errorList(element) {
  const parts = partsOf(element);
  const whole = new Set(); // numbers of attempts of which all errors are shown
  let shown = { errors: new Map(), more: false, alert: "" };
  let current = 1; // the newest attempt
  let chosen = null; // the number that the address names

  parts.more.addEventListener("click", () => dispatch(element, "more-errors"));

  return {
    update(next, newest) {
      shown = next;
      current = newest;
      draw();
    },
    toError(number, focus) {
      chosen = number;
      const attempts = byAttempt(shown.errors);
      const of = attempts.find(({ groups }) => groups.some(({ numbers }) => numbers.includes(number)));
      if (!of) return false;
      whole.add(of.attempt);
      draw();
      const row = element.querySelector("[data-chosen]");
      row?.closest("details")?.setAttribute("open", "");
      row?.scrollIntoView({ block: "start" });
      if (focus) row?.querySelector("[data-part=number]").focus({ preventScroll: true });
      return true;
    },
  };

  function draw() {
    const { errors, more, alert } = shown;
    const attempts = byAttempt(errors);
    setHidden(element, attempts.length === 0 && !alert);
    const own = attempts.find(({ attempt }) => attempt === current);
    setText(parts.count, headingOf(own, attempts.length > 0, more));
    setText(parts.alert, alert);
    setHidden(parts.more, !more);
    setChildren(parts.attempts, attempts.map(({ attempt }) => String(attempt)), () => copyOf("error-attempt"));
    attempts.forEach((one, i) => drawAttempt(parts.attempts.children[i], one, one === own));
  }

  /** The newest attempt is open; those before it are folded until somebody opens them. */
  function drawAttempt(details, { attempt, count, groups }, isNewest) {
    const its = partsOf(details);
    if (its.summary.hidden !== isNewest) details.open = isNewest;
    setHidden(its.summary, isNewest);
    setText(its.heading, `Attempt ${attempt}: ${countText(count, groups.length)}`);
    const few = whole.has(attempt) ? groups : groups.slice(0, SHOWN);
    const rows = new Map(few.map((group) => [`${attempt}.${group.first.seq}`, group]));
    setChildren(its.rows, [...rows.keys()], () => errorRow(copyOf("error-row")));
    [...its.rows.children].forEach((row, i) => row.update(rows.get(row.dataset.key), { chosen, isFirst: isNewest && i === 0 }));
    const left = groups.length - few.length;
    setHidden(its.all, left === 0);
    setText(its.all, left ? `Show ${left.toLocaleString("en")} more` : "");
    its.all.onclick = () => {
      whole.add(attempt);
      const focused = its.rows.lastElementChild;
      draw();
      focused.nextElementSibling?.querySelector("[data-part=number]").focus();
    };
  }
}

function headingOf(own, any, more) {
  if (!own) return any ? "Errors of earlier attempts" : "Errors";
  return countText(own.count, own.groups.length) + (more ? ", and more" : "");
}

/** Gives the row of an error its `update(group, {chosen, isFirst})`. */
function errorRow(row) {
  const parts = partsOf(row);
  let told = "";
  let error;
  let isWhole = false;

  parts.find.addEventListener("click", () => dispatch(row, "find-in-output", { text: firstLine(error), attempt: error.attempt }));
  parts.whole.addEventListener("click", () => {
    isWhole = !isWhole;
    showWhole();
  });

  row.update = ({ first, numbers, count }, { chosen, isFirst }) => {
    error = first;
    const number = first.number;
    setText(parts.number, number === null ? "" : `#${number}`);
    if (number === null) parts.number.removeAttribute("href");
    else setAttribute(parts.number, "href", `#error-${number}`);
    if (isFirst) {
      parts.number.dataset.keyHelp = "Go to the first error";
      setAttribute(parts.number, "aria-keyshortcuts", "e");
    } else parts.number.removeAttribute("aria-keyshortcuts");
    row.toggleAttribute("data-chosen", chosen !== null && numbers.includes(chosen));
    setText(parts.place, oneLine(placeOf(first)));
    setText(parts.times, count > 1 ? `${count.toLocaleString("en")} times` : "");
    if (told === first.text) return;
    told = first.text;
    parts.text.replaceChildren(...nodesOf(first.text));
    showWhole();
  };
  return row;

  function showWhole() {
    const lines = error.text.split("\n").length;
    setHidden(parts.whole, lines <= LINES);
    setText(parts.whole, lines <= LINES ? "" : isWhole ? "Show less" : `Show all ${lines.toLocaleString("en")} lines`);
    parts.whole.setAttribute("aria-expanded", isWhole);
    parts.text.toggleAttribute("data-cut", lines > LINES && !isWhole);
  }
}

/** A text with its colours, a line in an element of its own, so that no mark of direction reaches another line. */
function nodesOf(text) {
  let style = PLAIN;
  const lines = text.replace(/\s+$/, "").split("\n");
  return lines.map((line, i) => {
    const node = document.createElement("span");
    const found = spansOf(line, style);
    style = found.style;
    node.className = "line";
    node.append(
      ...found.spans.map(({ text: letters, look }) => {
        const span = document.createElement("span");
        span.className = look;
        span.textContent = letters;
        return span;
      }),
      i + 1 < lines.length ? "\n" : "",
    );
    return node;
  });
}
