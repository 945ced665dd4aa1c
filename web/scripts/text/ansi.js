/**
 * Colours of a terminal: which letters of a line have which look (SGR, ECMA-48 §8.3.117). Pure.
 *
 * A look is a list of classes: `fg-0` to `fg-15` and `bg-0` to `bg-15`, `bold`, `faint`, `italic`, `underline`,
 * `struck`, `inverse`. Any other colour becomes the one of the sixteen that is next to it: each of them can be read
 * in the light and in the dark. The text itself is what `readable` makes of it.
 */

import { readable } from "./foreign-text.js";

/** The style in which a text begins. A colour of -1 is that of the page. */
export const PLAIN = Object.freeze({
  fg: -1,
  bg: -1,
  bold: false,
  faint: false,
  italic: false,
  underline: false,
  struck: false,
  inverse: false,
});

const SGR = /(?:\x1b\[|\x9b)([\d;:]*)m/g;
/** A sequence of a terminal, as foreign-text.js has it, one return or step back, or letters. */
const PIECES =
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~]?)|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?|\r|\x08|[^\x1b\x08\r\x90\x98\x9b\x9d-\x9f]+/g;
/** What makes a line other than its letters: controls, halves of characters, marks of direction. */
const SPECIAL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]/;
const UNUSUAL = /[\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]/; // no colours in such a line
const BREAKS = /[\v\f\x85\u2028\u2029]/g; // within a line of output they are only spaces
const NO_LOOK = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;

const WORDS = ["bold", "faint", "italic", "underline", "struck", "inverse"];
/** Of the codes that switch something on or off: the changes. */
const CHANGES = new Map([
  [1, { bold: true }],
  [2, { faint: true }],
  [3, { italic: true }],
  [4, { underline: true }],
  [7, { inverse: true }],
  [9, { struck: true }],
  [21, { underline: true }],
  [22, { bold: false, faint: false }],
  [23, { italic: false }],
  [24, { underline: false }],
  [27, { inverse: false }],
  [29, { struck: false }],
  [39, { fg: -1 }],
  [49, { bg: -1 }],
]);
const BRIGHT = 8; // the second half of the sixteen

/** The sixteen colours as terminals have them, to find the next one. */
const SIXTEEN = [
  [0, 0, 0],
  [205, 0, 0],
  [0, 205, 0],
  [205, 205, 0],
  [0, 0, 238],
  [205, 0, 205],
  [0, 205, 205],
  [229, 229, 229],
  [127, 127, 127],
  [255, 0, 0],
  [0, 255, 0],
  [255, 255, 0],
  [92, 92, 255],
  [255, 0, 255],
  [0, 255, 255],
  [255, 255, 255],
];
const LEVELS = [0, 95, 135, 175, 215, 255]; // of the cube of 216 colours

/** {spans: [{text, look}], style}: the line as a terminal leaves it, and the style in which the next one begins. */
export function spansOf(line, style = PLAIN) {
  if (!SPECIAL.test(line)) return { spans: line ? [{ text: line, look: lookOf(style) }] : [], style };
  if (UNUSUAL.test(line)) return { spans: [{ text: visibleLine(line), look: "" }], style: styleAfter(line, style) };
  let written = []; // letters with their looks, since the last return
  let left = []; // those that the last return, if anything visible follows, writes over
  let look = lookOf(style);
  for (const [piece, parameters, final] of line.replace(BREAKS, " ").matchAll(PIECES)) {
    if (piece === "\r") {
      if (written.length) left = written;
      written = [];
    } else if (piece === "\b") written.pop();
    else if (parameters !== undefined) {
      if (final !== "m") continue;
      style = styled(style, parameters);
      look = lookOf(style);
    } else if (piece[0] !== "\x1b" && !/^[\x90\x98\x9d-\x9f]/.test(piece)) {
      for (const letter of piece.replace(NO_LOOK, keepTab)) written.push({ text: letter, look });
    }
  }
  return { spans: joined(written.length ? written : left), style };
}

const keepTab = (letter) => (letter === "\t" ? letter : "");

function joined(letters) {
  const spans = [];
  for (const { text, look } of letters) {
    const last = spans[spans.length - 1];
    if (last && last.look === look) last.text += text;
    else spans.push({ text, look });
  }
  return spans;
}

/** The line without colours, as it is shown. */
export const visibleLine = (line) => (SPECIAL.test(line) ? readable(line.replace(BREAKS, " ")) : line);

/** The style in which the text behind `text` begins. */
export function styleAfter(text, style = PLAIN) {
  for (const [, parameters] of text.matchAll(SGR)) style = styled(style, parameters);
  return style;
}

/** The style after a sequence SGR with these `parameters`, as "1;31". */
export function styled(style, parameters) {
  const codes = parameters.split(";");
  for (let i = 0; i < codes.length; i++) {
    const parts = codes[i].split(":").map(Number);
    const [code] = parts;
    if (code === 38 || code === 48) {
      // The colour is in the same parameter, behind colons, or in those that follow.
      const [, kind, ...given] = parts.length > 1 ? parts : [code, ...codes.slice(i + 1).map(Number)];
      const values = parts.length > 5 ? given.slice(1) : given; // behind colons, RGB may name a space of colours
      if (parts.length === 1) i += kind === 2 ? 4 : kind === 5 ? 2 : 1;
      const colour = kind === 5 ? ofPalette(values[0]) : kind === 2 ? nearest(values.slice(0, 3)) : null;
      if (colour !== null) style = { ...style, [code === 38 ? "fg" : "bg"]: colour };
    } else style = changed(style, code, parts[1]);
  }
  return style;
}

function changed(style, code, part) {
  if (code === 0) return PLAIN;
  if (code === 4 && part === 0) return { ...style, underline: false };
  if (CHANGES.has(code)) return { ...style, ...CHANGES.get(code) };
  if (code >= 30 && code <= 37) return { ...style, fg: code - 30 };
  if (code >= 40 && code <= 47) return { ...style, bg: code - 40 };
  if (code >= 90 && code <= 97) return { ...style, fg: code - 90 + BRIGHT };
  if (code >= 100 && code <= 107) return { ...style, bg: code - 100 + BRIGHT };
  return style;
}

function ofPalette(number) {
  if (!(number >= 0 && number <= 255)) return null;
  if (number < 16) return number;
  if (number >= 232) return nearest(Array(3).fill(8 + 10 * (number - 232)));
  const place = number - 16;
  return nearest([Math.floor(place / 36), Math.floor(place / 6) % 6, place % 6].map((level) => LEVELS[level]));
}

function nearest(colour) {
  if (colour.length < 3 || colour.some((value) => !(value >= 0 && value <= 255))) return null;
  const distances = SIXTEEN.map((one) => one.reduce((sum, value, i) => sum + (value - colour[i]) ** 2, 0));
  return distances.indexOf(Math.min(...distances));
}

const looks = new Map([[PLAIN, ""]]);

function lookOf(style) {
  let look = looks.get(style);
  if (look === undefined) {
    const { fg, bg } = style;
    look = [fg >= 0 && `fg-${fg}`, bg >= 0 && `bg-${bg}`, ...WORDS.filter((word) => style[word])].filter(Boolean).join(" ");
    if (looks.size > 1000) looks.clear();
    looks.set(style, look);
  }
  return look;
}
