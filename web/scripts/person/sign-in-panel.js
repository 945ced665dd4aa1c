/** Asks one to sign in, on a page that stays as it is meanwhile. */

import { updateProviderLink } from "./provider-link.js";
import { partsOf, setHidden, setText } from "../page/render.js";
import { signInForm } from "./sign-in-form.js";

/** Returns `update(session, why)`: a sentence, or "" to ask for nothing. Calls `done(session)`. */
export function signInPanel(element, done) {
  const parts = partsOf(element);
  signInForm(element, done);
  return function update(session, why) {
    setHidden(element, why === ""); // first: a live region tells what changes while it is shown
    setText(parts.why, why);
    updateProviderLink(parts.provider, session, location.pathname + location.search);
  };
}
