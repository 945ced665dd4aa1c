/**
 * Which of very many rows are to be drawn, when only those near what is seen are there. Pure; lengths in px.
 *
 * Browsers draw nothing beyond some millions of px, so a longer list is scrolled in greater steps than it moves.
 */

const TALLEST = 8_000_000;
const AROUND = 30; // rows above and below what is seen

const measured = ({ count, row, view }) => {
  const full = count * row;
  const height = Math.min(full, TALLEST);
  return { height, scale: height > view ? (full - view) / (height - view) : 1 };
};

/**
 * {first, last, y, height}: the rows from `first` to before `last` belong at `y` in an element of this `height`, where
 * it is scrolled to `top`. All rows are `row` high, and `view` is what is seen of them.
 */
export function windowOf({ top, view, count, row }) {
  const { height, scale } = measured({ count, row, view });
  const at = Math.min(top * scale, Math.max(count * row - view, 0)); // where `top` is in the whole list
  const first = Math.max(Math.floor(at / row) - AROUND, 0);
  const last = Math.min(Math.ceil((at + view) / row) + AROUND, count);
  return { first, last, y: first * row - at + top, height };
}

/** The rows that are wholly or partly seen: [first, behind the last]. */
export function seen({ top, view, count, row }) {
  const { scale } = measured({ count, row, view });
  const at = top * scale;
  return [Math.min(Math.floor(at / row), count), Math.min(Math.ceil((at + view) / row), count)];
}

/** Where to scroll to so that the row `number` stands a third from the top. */
export function topOf(number, { view, count, row }) {
  const { height, scale } = measured({ count, row, view });
  const at = number * row - view / 3;
  return Math.min(Math.max(at / scale, 0), Math.max(height - view, 0));
}

/** Where the end is seen. */
export function endOf({ view, count, row }) {
  return Math.max(measured({ count, row, view }).height - view, 0);
}
