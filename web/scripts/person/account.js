/** The end of the header: who one is, “Sign out”, “Sign in”. */

import { dispatch, partsOf, setDisabled, setHidden, setText } from "../page/render.js";
import { signInPath } from "./sign-in-path.js";
import { accountOf } from "./who.js";

/**
 * Returns `update(session, {asked, busy, alert})`, `asked`: the page has a form that signs one in. The button dispatches
 * `sign-out`.
 */
export function account(element) {
  const parts = partsOf(element);
  const header = element.closest(".page-header");
  parts.signIn.href = signInPath(location.pathname + location.search);
  parts.signOut.addEventListener("click", () => dispatch(element, "sign-out"));

  return function update(session, { asked = false, busy = false, alert = "" }) {
    const { name, signOut, ...may } = accountOf(session);
    const signIn = may.signIn && !asked;
    setHidden(element, !signIn && !signOut);
    header.toggleAttribute("data-account", signIn || signOut);
    setText(parts.name, name);
    parts.who.title = name && `Signed in as ${name}`;
    setHidden(parts.who, name === "");
    setHidden(parts.signIn, !signIn);
    setHidden(parts.signOut, !signOut);
    setDisabled(parts.signOut, busy);
    setText(parts.alert, alert);
  };
}
