/** The page that signs people in: by a link, or by a token that they paste. */

import { readSession } from "./api/api.js";
import { take, token } from "./login-link.js";
import { updateProviderLink } from "./person/provider-link.js";
import { partsOf, setHidden, setText } from "./page/render.js";
import { signInForm } from "./person/sign-in-form.js";
import { wayBack } from "./person/sign-in-path.js";
import { isByLink } from "./person/who.js";

const back = wayBack(location.search, location.origin);
const element = document.getElementById("sign-in");
const parts = partsOf(element);

const form = signInForm(element, () => location.replace(back));
document.body.dataset.page = "login"; // the page has started
element.querySelector("input").focus();

welcome(token);
// Another link, opened in this tab: only the fragment of the address changes.
addEventListener("hashchange", () => welcome(take()));

/** Sign in by a token from a link; but somebody who is signed in already has to agree. */
async function welcome(offered) {
  if (offered) form.offer(offered);
  const session = await readSession().catch(() => null);
  if (session) updateProviderLink(parts.provider, session, back);
  const name = session && !session.anonymous && !isByLink(session) ? session.name : "";
  setHidden(parts.already, name === "");
  setText(parts.name, name);
  parts.back.href = back;
  setText(parts.other, name && offered ? "Press “Sign in” to be whoever the link is for instead." : "");
  if (offered && !name) form.send();
}
