/** A build that goes on, or ended a moment ago: a card. */

import { buildItem } from "./build-item.js";
import { cardOf, nameOf } from "./list-view.js";
import { setAttribute, setHidden, setPhrases, setText } from "../page/render.js";

const LEAP = 5; // per cent of progress at once

/**
 * Returns {element, update(state, context)}; the button dispatches `start-build` or `stop-build`. It may show one
 * build after another.
 */
export const buildCard = () => buildItem("build-card", { name, viewOf: cardOf, draw });

function name(parts, state) {
  const { title, id } = nameOf(state);
  setText(parts.title, title);
  parts.id.textContent = id;
  parts.bar.setAttribute("aria-label", `Progress of ${state.project} ${id}`);
}

function draw(parts, view, before) {
  if (view.status !== before.status) parts.status.textContent = view.status;
  if (view.high !== before.high) setHidden(parts.high, !view.high);
  if (view.left !== before.left) setText(parts.left, view.left);
  if (view.error !== before.error) setText(parts.error, view.error);
  if (view.time !== before.time) setText(parts.time, view.time);
  setPhrases(parts.facts, view.facts);
  setPhrases(parts.where, view.where);
  setBar(parts, view, before);
}

function setBar({ bar, fill }, { tone, progress, status, errors }, before) {
  if (tone !== before.tone) setAttribute(bar, "data-bar", tone);
  if (status !== before.status || errors !== before.errors) {
    setAttribute(bar, "aria-valuetext", [status, errors].filter(Boolean).join(", "));
  }
  if (progress === before.progress) return;
  bar.toggleAttribute("data-leaps", progress - before.progress >= LEAP);
  if (progress === null) bar.removeAttribute("aria-valuenow");
  else setAttribute(bar, "aria-valuenow", progress);
  fill.style.transform = progress === null ? "" : `scaleX(${progress / 100})`;
}
