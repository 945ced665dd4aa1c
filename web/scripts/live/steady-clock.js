// @ts-check

/** A clock that measures durations. Pure but for the clocks it is given. */

/** A leap of the wall clock, in ms, above which the machine has slept. */
const SLEPT = 1000;

/**
 * Returns a function that tells the moment in ms since 1970.
 *
 * The moment never goes back, even if the system time is set back. It includes the time that the
 * machine slept, in which `monotonic` (performance.now) stands still in some browsers. `wall` is
 * Date.now.
 *
 * @type {(monotonic: () => number, wall: () => number) => () => number}
 */
export function steadyClock(monotonic, wall) {
  let ahead = wall() - monotonic();
  let offset = ahead;
  return function now() {
    const time = monotonic();
    const leap = wall() - time - ahead;
    ahead += leap;
    if (leap > SLEPT) offset += leap;
    return time + offset;
  };
}
