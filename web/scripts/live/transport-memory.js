// @ts-check

/** The choice of a transport, kept by the browser for later visits. */

/** @import { KeptChoice } from "../types" */

const KEY = "buildfeed.transport";

/**
 * What was kept, null when there is nothing or the browser keeps nothing.
 *
 * @type {() => KeptChoice | null}
 */
export function recallChoice() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

/**
 * Keep `choice`, or nothing any more when it is null.
 *
 * @type {(choice: KeptChoice | null) => void}
 */
export function rememberChoice(choice) {
  try {
    if (choice) localStorage.setItem(KEY, JSON.stringify(choice));
    else localStorage.removeItem(KEY);
  } catch {
    // The browser keeps nothing: the next visit finds out anew.
  }
}
