/** The choice of a transport, kept by the browser for later visits. */

const KEY = "buildfeed.transport";

/** What was kept, null when there is nothing or the browser keeps nothing. */
export function recallChoice() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

/** Keep `choice`, or nothing any more when it is null. */
export function rememberChoice(choice) {
  try {
    if (choice) localStorage.setItem(KEY, JSON.stringify(choice));
    else localStorage.removeItem(KEY);
  } catch {
    // The browser keeps nothing: the next visit finds out anew.
  }
}
