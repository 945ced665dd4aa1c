/** Search in an output: which lines have a text, in any case of its letters. Pure but for the pause it is given. */

import { visibleLine } from "../text/ansi.js";

const TURN = 12; // ms of work, then the browser may draw
const MOST = 100_000; // lines that are found at most
/** The sequences of terminals that colour, move and erase (CSI). */
const SEQUENCES = /\x1b\[[0-?]*[ -/]*[@-~]/g;
/** What is not shown as it is written: a line with it is searched as it is shown. */
const SPECIAL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb]/;

/** The lines of `text` that have `wanted`, which is in small letters: their numbers from 0. */
export function linesWith(text, wanted) {
  const plain = text.includes("\x1b") ? text.replace(SEQUENCES, "") : text; // colours alone, as in most outputs, cost little
  if (SPECIAL.test(plain)) {
    const found = [];
    text.split("\n").forEach((line, i) => visibleLine(line).toLowerCase().includes(wanted) && found.push(i));
    return found;
  }
  const small = plain.toLowerCase();
  const found = [];
  let [line, counted] = [0, 0]; // `line` begins behind as many line ends as there are before `counted`
  for (let at = small.indexOf(wanted); at >= 0; ) {
    for (let end = small.indexOf("\n", counted); end >= 0 && end < at; end = small.indexOf("\n", counted)) {
      line += 1;
      counted = end + 1;
    }
    found.push(line);
    const end = small.indexOf("\n", at);
    at = end < 0 ? -1 : small.indexOf(wanted, end);
  }
  return found;
}

/**
 * A search for `wanted` in `blocks` (blocks.js), from the first line on.
 *
 * Returns {wanted, lines, over, go, stop}: `lines` are those that were found so far, in order; `go(report)` searches on, also in
 * what came since, and calls `report()` in between and at the end. `textOf(index)` is a promise of the text of a block,
 * `pause()` of the next turn, `now()` a clock in ms.
 */
export function newSearch(wanted, blocks, { textOf, pause, now }) {
  const small = wanted.toLowerCase();
  let next = 0; // the block to be searched
  let whole = 0; // lines of `lines` that are in blocks before it
  let stopped = false;
  let going = false;
  const search = { wanted, lines: [], over: false, go, stop: () => (stopped = true) };
  return search;

  async function go(report) {
    if (going || stopped) return;
    going = true;
    search.over = false;
    let until = now() + TURN;
    for (; next < blocks.blocks && search.lines.length < MOST; next++) {
      const text = await textOf(next);
      if (stopped) return;
      const { line } = blocks.blockAt(next);
      const isLast = next === blocks.blocks - 1;
      search.lines.length = whole;
      for (const each of linesWith(text, small)) search.lines.push(line + each);
      if (isLast) break; // it may grow: it is searched again
      whole = search.lines.length;
      if (now() < until) continue;
      report();
      await pause();
      if (stopped) return;
      until = now() + TURN;
    }
    going = false;
    search.over = true;
    report();
  }
}

/** The place in `lines` of the first one at `line` or behind it; the first one of all when there is none. */
export function firstFrom(lines, line) {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle] < line) low = middle + 1;
    else high = middle;
  }
  return low === lines.length ? 0 : low;
}

/** The spans of a line (ansi.js), cut where `wanted` is in it: those are `marked`. */
export function marked(spans, wanted) {
  const small = spans.map(({ text }) => text).join("").toLowerCase();
  const whole = spans.reduce((sum, { text }) => sum + text.length, 0);
  const looked = wanted.toLowerCase();
  if (!looked || small.length !== whole || !small.includes(looked)) return spans;
  const edges = [];
  for (let at = small.indexOf(looked); at >= 0; at = small.indexOf(looked, at + looked.length)) {
    edges.push(at, at + looked.length);
  }
  const cut = [];
  let begin = 0;
  for (const { text, look } of spans) {
    const inside = edges.filter((edge) => edge > begin && edge < begin + text.length);
    const stops = [begin, ...inside, begin + text.length];
    for (let i = 0; i + 1 < stops.length; i++) {
      const isMarked = edges.findIndex((edge) => edge > stops[i]) % 2 === 1;
      cut.push({ text: text.slice(stops[i] - begin, stops[i + 1] - begin), look, marked: isMarked });
    }
    begin += text.length;
  }
  return cut;
}
