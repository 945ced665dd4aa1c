/** What is said of an output. Pure. */

import { hasEnded } from "../builds/builds.js";

const KIB = 1024;
const MIB = KIB * KIB;

const COUNT = new Intl.NumberFormat("en");

/** "1 line, 12 bytes", "100,000 lines, 7.6 MiB", and "more than …" while there may be more. */
export function sizeText(lines, bytes, whole) {
  const said = `${COUNT.format(lines)} ${lines === 1 ? "line" : "lines"}, ${inBytes(bytes)}`;
  return whole ? said : `${said} so far`;
}

function inBytes(bytes) {
  if (bytes < KIB) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  return bytes < MIB ? `${(bytes / KIB).toFixed(1)} KiB` : `${(bytes / MIB).toFixed(1)} MiB`;
}

/** What stands in place of an output that has no lines. */
export function emptyText(state, { alert, known }) {
  if (alert) return "";
  if (!known) return "Reading the output…";
  if (state.status === "queued") return "It has not begun, so there is no output yet.";
  return hasEnded(state) ? "It printed nothing." : "It has printed nothing yet.";
}

/** "3 of 120 lines", "120 lines" while none is chosen, "No line has it". */
export function foundText(at, count, over) {
  if (count === 0) return over ? "No line has it" : "Searching…";
  const lines = `${COUNT.format(count)} ${count === 1 ? "line" : "lines"}`;
  const said = at < 0 ? lines : `${COUNT.format(at + 1)} of ${lines}`;
  return over ? said : `${said} so far`;
}
