/**
 * The token of a login link, `/login#bf_…`. It is taken out of the address and of the history of this tab before
 * anything else is done, so this file needs no other.
 */

const TOKEN = /^#(bf_[0-9A-Za-z]+)$/;

/** The token in the address, which is in it no more then; "" if there is none. */
export function take() {
  const token = location.hash.match(TOKEN)?.[1] ?? "";
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** The token that the page was opened with. */
export const token = take();
