/** The name that a person gave once, kept by the browser. */

const KEY = "buildfeed.by";

/** The name, "" when there is none or the browser keeps nothing. */
export function recall() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function remember(name) {
  try {
    localStorage.setItem(KEY, name.trim());
  } catch {
    // The browser keeps nothing: the person types the name again next time.
  }
}
