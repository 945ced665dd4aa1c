// @ts-check

/**
 * Texts of programs and strangers, made fit to be shown to people. Pure.
 *
 * A program writes for a terminal: with colours, with lines that it writes again. Colours are left
 * out, and no control character is ever shown. Marks that turn the direction of writing (UAX #9) have
 * an effect in the text itself, and none on what stands beside it.
 */

/** Sequences of terminals (ECMA-48 §5.4 to 5.6), also those that are cut off: CSI, strings, others. */
const SEQUENCES =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g;
const LINE_ENDS = /[\n\v\f\x85\u2028\u2029]/g;
/** What has no look: controls, deprecated marks, annotations. */
const CONTROLS = /[\x00-\x08\x0e-\x1f\x7f-\x9f\u206a-\u206f\ufff9-\ufffb]/g;
const HALVES = /[\ud800-\udfff]/gu; // with `u` only those that have no other half

const POP = "\u202c"; // closes an embedding or override
const POP_ISOLATE = "\u2069";
const ISOLATE = "\u2068"; // in the direction of its first letter
/** @type {Map<string, string>} */
const CLOSERS = new Map(/** @type {[string, string][]} */ ([
  ...[..."\u202a\u202b\u202d\u202e"].map((mark) => [mark, POP]),
  ...[..."\u2066\u2067\u2068"].map((mark) => [mark, POP_ISOLATE]),
]));
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/;

/**
 * The text as a terminal would leave it, in lines, without colours.
 *
 * @type {(text: unknown) => string}
 */
export function readable(text) {
  return String(text)
    .replace(SEQUENCES, "")
    .replace(LINE_ENDS, "\n")
    .split("\n")
    .map(asLeft)
    .map(closed)
    .join("\n")
    .trimEnd();
}

/**
 * The same in one line.
 *
 * @type {(text: unknown) => string}
 */
export const oneLine = (text) => readable(text).replace(/\s+/g, " ").trim();

/**
 * `text` of one line for a place that has no elements, such as the title of the window.
 *
 * @type {(text: unknown) => string}
 */
export function isolated(text) {
  const line = oneLine(text);
  return /^[ -~]*$/.test(line) ? line : ISOLATE + line + POP_ISOLATE;
}

/**
 * A line after all that was written over it: a return begins it again, unless nothing visible follows.
 *
 * @type {(line: string) => string}
 */
const asLeft = (line) => line.split("\r").map(visible).filter(Boolean).pop() ?? "";

/**
 * The characters that have a look; \b takes one back.
 *
 * @type {(written: string) => string}
 */
function visible(written) {
  const left = [];
  for (const character of written) {
    if (character === "\b") left.pop();
    else left.push(character);
  }
  return left.join("").replace(CONTROLS, "").replace(HALVES, "\ufffd");
}

/**
 * The line with every change of direction ended in it, and without ends of what it did not begin.
 *
 * @type {(line: string) => string}
 */
function closed(line) {
  if (!DIRECTIONS.test(line)) return line;
  /** @type {string[]} */
  const open = [];
  let text = "";
  for (const character of line) {
    const closer = CLOSERS.get(character);
    if (closer) open.push(closer);
    else if (character === POP) {
      if (open[open.length - 1] !== POP) continue;
      open.pop();
    } else if (character === POP_ISOLATE) {
      if (!open.includes(POP_ISOLATE)) continue;
      while (open[open.length - 1] === POP) text += open.pop();
      open.pop();
    }
    text += character;
  }
  return text + open.reverse().join("");
}
