/** The projects that a person has marked with a star, kept by the browser. */

const KEY = "buildfeed.favourites";

/** Their names, a Set; empty when there are none or the browser keeps nothing. */
export function recallFavourites() {
  try {
    const names = JSON.parse(localStorage.getItem(KEY));
    return new Set(Array.isArray(names) ? names.filter((name) => typeof name === "string") : []);
  } catch {
    return new Set();
  }
}

export function rememberFavourites(names) {
  try {
    localStorage.setItem(KEY, JSON.stringify([...names].sort()));
  } catch {
    // The browser keeps nothing: the stars are there until the page is closed.
  }
}
