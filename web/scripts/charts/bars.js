/** Bars of a chart of how long things took. Pure; lengths are milliseconds. */

const LEAST = 0.03; // of the height: what took no time is still seen
const CUT = 4; // times the median: what took longer would make all others flat, so it is cut off there

/** The length that half of the `lengths` do not exceed; null without any. */
export function median(lengths) {
  if (lengths.length === 0) return null;
  const sorted = [...lengths].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/**
 * {bars, top, longest, line} of `entries`, [{key, look, length}], `length` null for what never began: `bars` are {key,
 * look, height, cut}, a height is a part of 1, and what is `cut` took longer than that; `top` is the length that is 1, and
 * `longest` the longest one, null without any; `line` is the height of the usual length, that of those that succeeded, null
 * without any.
 */
export function barsOf(entries) {
  const lengths = entries.map(({ length }) => length).filter((length) => length !== null);
  const longest = lengths.length ? Math.max(...lengths) : null;
  const most = CUT * median(lengths);
  const top = most && longest > most ? most : longest;
  const height = (length) => (length === null || !top ? LEAST : Math.min(1, Math.max(LEAST, length / top)));
  const usual = usualOf(entries);
  return {
    bars: entries.map(({ key, look, length }) => ({ key, look, height: height(length), cut: length > top })),
    top,
    longest,
    line: usual === null ? null : height(usual),
  };
}

/**
 * How long it usually takes: the median of what succeeded; null without any. What jobs take that have different names
 * says nothing together, so of entries with more than one `job` it is null too.
 */
export function usualOf(entries) {
  if (new Set(entries.map(({ job }) => job)).size > 1) return null;
  return median(entries.filter(({ look, length }) => look === "succeeded" && length !== null).map(({ length }) => length));
}
