/** The builds: those that go on as cards, below them those that have ended as rows. */

import { buildCard } from "./build-card.js";
import { buildRow } from "./build-row.js";
import { windowedList } from "./windowed-list.js";
import { dispatch, partsOf, setDisabled, setHidden, setText } from "../page/render.js";

const CARD = 96; // px, until one was measured; so is ROW
const ROW = 44;
const HOLD = 3000; // ms: how long a pointer that has moved counts

/**
 * Shows builds in `element`. `moved()` is called when `place` is due, as builds take other room than thought. The button
 * for older builds dispatches `show-older`.
 *
 * What costs is kept apart: `arrange` when builds come, go, or change their places; `place` when the window moves over
 * them; `refresh` for one build that changed.
 */
export function buildList(element, moved) {
  const parts = partsOf(element);
  const kindOf = ({ status, errors, error }) => (status === "queued" ? status : errors && error ? "red" : "plain");
  const cards = windowedList(parts.cards, { create: buildCard, kindOf, guess: CARD, moved });
  const rows = windowedList(parts.rows, { create: buildRow, kindOf: () => "row", guess: ROW, moved });
  const lists = [cards, rows];
  let pointedAt = -HOLD;
  parts.cards.addEventListener("pointermove", () => (pointedAt = performance.now()), { passive: true });
  parts.older.addEventListener("click", () => dispatch(parts.older, "show-older"));

  return {
    /** Show exactly these builds, lists of [key, state], or the sentence `empty` when there is none. */
    arrange({ ongoing, ended }, { empty, refusal, older }) {
      cards.arrange(ongoing);
      rows.arrange(ended);
      setHidden(parts.ongoing, ongoing.length === 0);
      setHidden(parts.ended, ended.length === 0);
      setText(parts.refusal, refusal);
      setText(parts.empty, ongoing.length + ended.length === 0 ? empty : "");
      if (!older && parts.older === document.activeElement) element.focus({ preventScroll: true });
      setHidden(parts.older, !older);
    },

    /** Draw what is near the window. Returns the keys of the builds that are new there. */
    place() {
      const tops = lists.map((list) => list.top()); // all that is read comes first
      return lists.flatMap((list, i) => list.place(tops[i], window.innerHeight));
    },

    /** Bring a build up to date, if it is drawn. */
    refresh(key, state, context) {
      for (const list of lists) list.refresh(key, state, context);
    },

    /** Whether somebody is about to press something on a card: nothing is to move away under a hand. */
    isPointedAt: () => performance.now() - pointedAt < HOLD,

    isDrawn: (key) => lists.some((list) => list.isDrawn(key)),
    drawnKeys: () => lists.flatMap((list) => list.drawnKeys()),

    /** The key of the card that has the focus, if any. */
    focusedCard() {
      const { activeElement } = document;
      return activeElement && parts.cards.contains(activeElement) ? activeElement.closest("[data-key]")?.dataset.key : undefined;
    },

    /** Show the result of the press on the button for older builds. */
    note({ busy = false, alert = "", found }) {
      setDisabled(parts.older, busy);
      parts.older.textContent = busy ? "Looking…" : "Show older builds";
      setText(parts.alert, alert);
      setText(parts.found, found ?? "");
    },
  };
}
