/** Idempotent writes to the page: a value that is there already is not written again. */

import * as phrases from "../text/phrase.js";

/** A fresh copy of the first element of the template `id`. */
export const copyOf = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

/** The descendants of `element` by their `data-part`. */
export function partsOf(element) {
  const parts = {};
  for (const part of element.querySelectorAll("[data-part]")) parts[part.dataset.part] = part;
  return parts;
}

/** Set the text, and hide the element while there is none. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
  setHidden(element, text === "");
}

const said = new WeakMap(); // element → what it says

/** Set phrases, with “ · ” between them. Texts of others cannot turn the direction of the rest. */
export function setPhrases(element, list) {
  const text = JSON.stringify(list);
  if (said.get(element) !== text) {
    said.set(element, text);
    element.replaceChildren(...list.flatMap((one, i) => [i ? " · " : "", ...phrases.partsOf(one).map(nodeOf)]));
  }
  setHidden(element, list.length === 0);
}

function nodeOf({ words, other }) {
  if (other === undefined) return words;
  const node = document.createElement("bdi");
  node.textContent = other;
  return node;
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

/**
 * Let nobody use a field or a button for now. A button keeps the focus: it is not `disabled`, which would take the
 * focus away from a person who has just pressed it by a key, but says so, and its presses come to nothing.
 */
export function setDisabled(element, disabled) {
  if (element.tagName !== "BUTTON") {
    if (element.disabled !== disabled) element.disabled = disabled;
  } else if (disabled) {
    setAttribute(element, "aria-disabled", true);
  } else {
    element.removeAttribute("aria-disabled");
  }
}

const DISABLED = '[aria-disabled="true"]';

function dropPress(event) {
  const pressed = event.type === "click" ? event.target.closest?.(DISABLED) : event.target.querySelector(`button${DISABLED}`);
  if (!pressed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

if (globalThis.document) {
  for (const press of ["click", "submit"]) document.addEventListener(press, dropPress, { capture: true });
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Make the children of `parent` those of `keys`, in this order.
 *
 * An element keeps its key in `data-key`; `create(key)` makes a missing one. The child that has the focus is not
 * moved, as it would lose it: the others are moved around it.
 */
export function setChildren(parent, keys, create) {
  const wanted = new Set(keys);
  const present = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) present.set(child.dataset.key, child);
    else child.remove();
  }
  let place = parent.firstElementChild;
  for (const key of keys) {
    const child = present.get(key) ?? create(key);
    child.dataset.key = key;
    if (child !== place && present.has(key) && child.contains(document.activeElement)) {
      while (place !== child) {
        const next = place.nextElementSibling;
        parent.append(place);
        place = next;
      }
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/** Dispatch a person's action to the components above. */
export function dispatch(element, action, detail) {
  element.dispatchEvent(new CustomEvent(action, { bubbles: true, detail }));
}
