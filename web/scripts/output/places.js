/**
 * How the text of an output hangs together with the bytes that a build printed. Pure.
 *
 * Where bytes are missing, a line in the text says how many: `[4,711 bytes of output are left out here]`. So a place in
 * the text is a smaller number than the place in what was printed, which `offset` in the event `log` is.
 */

const LINE = /\[(\d{1,3}(?:,\d{3}){0,5}) bytes of output are left out here\]\n/g;
const CUT = "[More output than is kept: its end follows when the attempt has ended]\n";

const numberIn = (text) => Number(text.replace(/,/g, ""));

/** How many bytes more were printed than are in `text`. */
export function leftOut(text) {
  let missing = 0;
  for (const [line, number] of text.matchAll(LINE)) missing += numberIn(number) - line.length;
  return missing;
}

/** Whether the text ends where more is kept only when the attempt is over. */
export const isCut = (text) => text.endsWith(CUT);

/** How many bytes are missing before the content of an event `log`, as its first line says. */
function told(content) {
  const [found] = content.slice(0, 80).matchAll(LINE);
  return found?.index === 0 ? Math.max(numberIn(found[1]) - found[0].length, 0) : 0;
}

/**
 * What to do with a `log` event of `size` bytes, when `reached` bytes of the output are known:
 * `skip`: it is known · `gap`: something before it is missing · else the number of its bytes that are known.
 */
export function joint({ offset, content }, size, reached) {
  if (offset === undefined || reached === null) return "gap";
  if (offset + size <= reached) return "skip";
  const missing = told(content);
  if (offset - missing > reached) return "gap";
  if (offset < reached) return missing ? "gap" : reached - offset;
  return 0;
}
