/** Which items of a long list are drawn: those near the window, and a few that must be there. Pure; lengths are in px. */

/**
 * `heights`: of every item, in order · `top`, `bottom`: what is to be covered, from the beginning of the list · `kept`:
 * the indices of items that are drawn wherever they stand.
 *
 * Returns the items to draw, in order, as {index, before}: `before` is the height of the items left out between it and
 * the drawn one before it.
 */
export function windowOf(heights, top, bottom, kept = []) {
  const always = new Set(kept);
  const drawn = [];
  let y = 0;
  let before = 0;
  heights.forEach((height, index) => {
    const near = y + height > top && y < bottom;
    if (near || always.has(index)) {
      drawn.push({ index, before });
      before = 0;
    } else {
      before += height;
    }
    y += height;
  });
  return drawn;
}
