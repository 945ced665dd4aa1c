/** The address of the page that signs people in, and the way back from it. Pure. */

import { ROOT } from "../api/root.js";

const PAGE = "/login";
const TOKEN = /bf_[0-9A-Za-z]+/;

/** The path of the page, from which one comes back to `path`. */
export const signInPath = (path, root = ROOT) =>
  `${root}${PAGE}?${new URLSearchParams({ back: path })}`;

/** The path that leads to the OpenID provider, and from there back to `path`. */
export const providerPath = (path, root = ROOT) =>
  `${root}${PAGE}/oidc?${new URLSearchParams({ back: path })}`;

/**
 * The path to go back to, of the query `search` of that page: one below `root` of the same `origin`, whatever
 * somebody wrote there; else the first page.
 */
export function wayBack(search, origin, root = ROOT) {
  const home = `${root}/`;
  const asked = new URLSearchParams(search).get("back") ?? home;
  if (!asked.startsWith("/")) return home;
  let url;
  try {
    url = new URL(asked, origin);
  } catch {
    return home;
  }
  const { pathname } = url;
  const ours = url.origin === origin && pathname.startsWith(home) && !pathname.startsWith("//");
  return ours && pathname !== root + PAGE ? pathname + url.search + url.hash : home;
}

/** The token in what was pasted: a token, or a whole link with one; as it is if there is none. */
export function tokenIn(text) {
  return text.match(TOKEN)?.[0] ?? text.trim();
}
