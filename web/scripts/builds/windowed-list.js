/**
 * A list of any length of which only the items near the window are in the document.
 *
 * The others are empty space: a margin above the next item that is drawn. The first item, the last one and the one that
 * has the focus are always there, so that keys lead from item to item as in a whole list; each item says its place and
 * how many there are. Elements that are left over are used again.
 */

import { windowOf } from "./windowing.js";
import { setAttribute, setChildren, setHidden } from "../page/render.js";

const AHEAD = 500; // px above and below the window that are drawn as well
const SPARE = 40; // elements kept to be used again

/**
 * `list` is an `ol`. `create()` returns {element, update(state, context)}; an element may show one build after another.
 * `kindOf(state)` names items of about the same height, and `guess` is a height in px until one was measured.
 * `moved()` is called when heights came out otherwise than thought, so that `place` is due.
 */
export function windowedList(list, { create, kindOf, guess, moved }) {
  let keys = [];
  let states = new Map();
  let places = new Map(); // key → index
  let heights = [];
  const measured = new Map(); // key → px
  const typical = new Map(); // kind → px
  const drawn = new Map(); // key → {element, update}
  const spare = [];

  const heightOf = (key) => measured.get(key) ?? typical.get(kindOf(states.get(key))) ?? guess;

  const sizes = new ResizeObserver((entries) => {
    let differs = false;
    for (const { target } of entries) {
      const { key } = target.dataset;
      const height = target.offsetHeight; // free of cost here: the layout is done
      if (drawn.get(key)?.element !== target || !height || heights[places.get(key)] === height) continue;
      measured.set(key, height);
      typical.set(kindOf(states.get(key)), height);
      heights[places.get(key)] = height;
      differs = true;
    }
    if (differs) moved();
  });

  function mount(key) {
    const item = spare.pop() ?? create();
    drawn.set(key, item);
    sizes.observe(item.element);
    return item.element;
  }

  function unmount(key) {
    const item = drawn.get(key);
    drawn.delete(key);
    sizes.unobserve(item.element);
    item.element.remove();
    if (spare.length < SPARE) spare.push(item);
  }

  function focused() {
    const { activeElement } = document;
    const item = activeElement && list.contains(activeElement) ? activeElement.closest("[data-key]") : null;
    return places.get(item?.dataset.key) ?? 0;
  }

  return {
    /** Have exactly these builds, a list of [key, state], in this order. */
    arrange(entries) {
      keys = entries.map(([key]) => key);
      states = new Map(entries);
      places = new Map(keys.map((key, index) => [key, index]));
      for (const key of measured.keys()) if (!states.has(key)) measured.delete(key);
      heights = keys.map(heightOf);
      for (const key of [...drawn.keys()]) if (!states.has(key)) unmount(key);
      setHidden(list, keys.length === 0);
    },

    /** Where the list begins, in px below the top of the window. */
    top: () => list.getBoundingClientRect().top,

    /** Draw what is near the window, `top` being what `top()` said. Returns the keys of items that are new there. */
    place(top, windowHeight) {
      if (!keys.length) return [];
      const kept = [0, keys.length - 1, focused()];
      const wanted = windowOf(heights, -top - AHEAD, windowHeight - top + AHEAD, kept);
      const shown = wanted.map(({ index }) => keys[index]);
      const still = new Set(shown);
      const fresh = shown.filter((key) => !drawn.has(key));
      for (const key of [...drawn.keys()]) if (!still.has(key)) unmount(key);
      setChildren(list, shown, mount);
      for (const { index, before } of wanted) {
        const { element } = drawn.get(keys[index]);
        const space = before ? `${before}px` : "";
        if (element.style.marginTop !== space) element.style.marginTop = space;
        setAttribute(element, "aria-posinset", index + 1);
        setAttribute(element, "aria-setsize", keys.length);
      }
      return fresh;
    },

    /** Bring an item up to date, if it is drawn. */
    refresh(key, state, context) {
      if (!places.has(key)) return;
      states.set(key, state);
      drawn.get(key)?.update(state, context);
    },

    drawnKeys: () => [...drawn.keys()],
    isDrawn: (key) => drawn.has(key),
  };
}
