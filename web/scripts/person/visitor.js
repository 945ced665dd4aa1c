/** Who visits the page: asks the gateway, and shows it in the header, in a note, and in the form that signs in. */

import { account } from "./account.js";
import { NOTHING, rightsOf } from "./grants.js";
import { setText } from "../page/render.js";
import { sessionKeeper } from "./session.js";
import { signInPanel } from "./sign-in-panel.js";
import { identityOf, isByLink, isOut, linkNote } from "./who.js";

/** A visitor of whom nothing is known yet. */
export const UNKNOWN = { known: false, rights: NOTHING, signedIn: false, name: "", byLink: false, why: "" };

/**
 * Calls `hear(visitor, entered)` with every answer: {known, rights, signedIn, name, byLink, isOut, identity, why}, and whether
 * one has just signed in on this page. The elements are those of the components.
 *
 * Returns {check, came, need} of the session: see there.
 */
export function visits(elements, hear) {
  const updateAccount = account(elements.account);
  const updateSignIn = signInPanel(elements.signIn, (session) => keeper.become(session));
  let shown = null;

  const keeper = sessionKeeper((session, why, entered) => {
    shown = session;
    updateSignIn(session, why);
    updateAccount(session, { asked: why !== "" });
    setText(elements.note, linkNote(session, Date.now()));
    hear(visitorOf(session, why), entered);
  });

  document.addEventListener("sign-out", async () => {
    updateAccount(shown, { busy: true });
    try {
      await keeper.leave();
    } catch (error) {
      updateAccount(shown, { alert: error.message });
    }
  });

  return keeper;
}

const visitorOf = (session, why) => ({
  known: true,
  rights: rightsOf(session.grants),
  signedIn: !session.anonymous,
  name: session.anonymous ? "" : session.name,
  byLink: isByLink(session),
  isOut: isOut(session),
  identity: identityOf(session),
  why,
});
