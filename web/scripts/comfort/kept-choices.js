/** What one wants to be told of, kept by the browser for all its tabs. */

const KEY = "buildfeed.notices";
const MOST = 50; // builds end: the oldest choices go

/** A Set of choices: see notices.js. */
export function recallChoices() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    return new Set(Array.isArray(kept) ? kept.filter((each) => typeof each === "string") : []);
  } catch {
    return new Set();
  }
}

export function rememberChoices(choices) {
  try {
    localStorage.setItem(KEY, JSON.stringify([...choices].slice(-MOST)));
  } catch {
    // The browser keeps nothing: the choice is for this page.
  }
}

/** Calls `changed()` when another tab has chosen. */
export const hearChoices = (changed) => addEventListener("storage", ({ key }) => key === KEY && changed());
