/** Idempotent writes to the page: a value that is there already is not written again. */

import * as phrases from "./phrase.js";

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

export function setDisabled(element, disabled) {
  if (element.disabled !== disabled) element.disabled = disabled;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Make the children of `parent` those of `keys`, in this order.
 *
 * An element keeps its key in `data-key`; `create(key)` makes a missing one.
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
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/** Dispatch a person's action to the components above. */
export function dispatch(element, action, detail) {
  element.dispatchEvent(new CustomEvent(action, { bubbles: true, detail }));
}
