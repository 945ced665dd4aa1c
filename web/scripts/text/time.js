// @ts-check

/** Times and durations in words. Pure; moments and lengths are milliseconds. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Unix time of an RFC 3339 text (or of a number), null when there is none.
 *
 * @type {(text: string | number | null | undefined) => number | null}
 */
export function moment(text) {
  const time = text === undefined || text === null ? NaN : new Date(text).getTime();
  return Number.isNaN(time) ? null : time;
}

/**
 * "8 s", "2 min 5 s", "3 h 20 min", "2 d 4 h".
 *
 * @type {(length: number) => string}
 */
export function duration(length) {
  const ms = Math.max(0, length);
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return pair(ms, MINUTE, "min", SECOND, "s");
  if (ms < DAY) return pair(ms, HOUR, "h", MINUTE, "min");
  return pair(ms, DAY, "d", HOUR, "h");
}

/**
 * A duration that still grows, so coarser: "8 s", "2 min", "3 h 20 min".
 *
 * @type {(length: number) => string}
 */
export function elapsed(length) {
  if (length < MINUTE) return seconds(length);
  return length < HOUR ? `${Math.floor(length / MINUTE)} min` : duration(length);
}

/**
 * "just now", "12 s ago", "3 min ago", "5 h ago", "2 d ago".
 *
 * @type {(length: number) => string}
 */
export function ago(length) {
  if (length < 5 * SECOND) return "just now";
  if (length < MINUTE) return `${seconds(length)} ago`;
  if (length < HOUR) return `${Math.floor(length / MINUTE)} min ago`;
  if (length < DAY) return `${Math.floor(length / HOUR)} h ago`;
  return `${Math.floor(length / DAY)} d ago`;
}

/**
 * "in 42 s", "in 3 min", "in 2 h 5 min".
 *
 * @type {(length: number) => string}
 */
export const ahead = (length) => `in ${elapsed(length + SECOND - 1)}`;

/**
 * "12 s".
 *
 * @type {(length: number) => string}
 */
export const seconds = (length) => `${Math.max(0, Math.floor(length / SECOND))} s`;

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const MINUTES = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/**
 * Time of day in the reader's format, with the date when it was over 12 h ago.
 *
 * @type {(time: number, now: number) => string}
 */
export const clock = (time, now) => (now - time > 12 * HOUR ? DATE : CLOCK).format(time);

/**
 * The same for a time to come, without the seconds.
 *
 * @type {(time: number, now: number) => string}
 */
export const clockAhead = (time, now) => (time - now > 12 * HOUR ? DATE : MINUTES).format(time);

/** @type {(ms: number, big: number, bigName: string, small: number, smallName: string) => string} */
function pair(ms, big, bigName, small, smallName) {
  const rest = Math.floor((ms % big) / small);
  const whole = `${Math.floor(ms / big)} ${bigName}`;
  return rest ? `${whole} ${rest} ${smallName}` : whole;
}
