/** The builds, newest first. */

import { buildCard } from "./build-card.js";
import { keyOf } from "./builds.js";
import { copyOf, partsOf, setChildren, setHidden, setText } from "./render.js";

/** Returns {arrange, refresh}; the button for older builds dispatches `show-older`. */
export function buildList(element) {
  const parts = partsOf(element);
  const cards = new Map();
  parts.older.addEventListener("click", () =>
    parts.older.dispatchEvent(new CustomEvent("show-older", { bubbles: true })),
  );

  return {
    /** Show exactly `states`, in this order, or the sentence `empty` when there is none. */
    arrange(states, { empty, refusal, hidden, older }) {
      const byKey = new Map(states.map((state) => [keyOf(state), state]));
      setChildren(parts.cards, [...byKey.keys()], (key) => {
        const card = copyOf("build-card");
        cards.set(key, buildCard(card, byKey.get(key)));
        return card;
      });
      for (const key of cards.keys()) if (!byKey.has(key)) cards.delete(key);
      setHidden(parts.cards, states.length === 0);
      setText(parts.refusal, refusal);
      setText(parts.empty, states.length === 0 ? empty : "");
      setText(parts.hidden, hiddenText(hidden));
      setHidden(parts.older, !older);
    },
    /** Bring one card up to date; a build without a card has nothing to show. */
    refresh(state, context) {
      cards.get(keyOf(state))?.(state, context);
    },
    /** Show the result of the press on the button for older builds. */
    note({ busy = false, alert = "" }) {
      parts.older.disabled = busy;
      setText(parts.alert, alert);
    },
  };
}

function hiddenText(count) {
  if (count === 0) return "";
  return `${count} more ${count === 1 ? "build is" : "builds are"} queued or running.`;
}
