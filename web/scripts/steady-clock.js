/** A clock for measuring how long something has been so. Pure but for the clocks it is given. */

const SLEPT = 1000;

/**
 * Returns a function that tells the moment in ms since 1970.
 *
 * It never goes back, whatever is done to the clock on the wall, and counts the time that the
 * machine slept, for which `monotonic` (performance.now) stands still in some browsers. `wall` is
 * Date.now.
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
