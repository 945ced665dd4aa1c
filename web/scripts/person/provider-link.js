/** “Sign in with …”: the way to the OpenID provider, where there is one. */

import { setText } from "../page/render.js";
import { providerPath } from "./sign-in-path.js";

/** Show the link for a session, or hide it; one comes back to `back`, a path. */
export function updateProviderLink(link, { provider }, back) {
  link.href = providerPath(back);
  setText(link, provider ? `Sign in with ${provider}` : "");
}
