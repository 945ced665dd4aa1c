/** The form that signs one in by a token. */

import { signIn } from "../api/api.js";
import { partsOf, setAttribute, setDisabled, setHidden, setText } from "../page/render.js";
import { tokenIn } from "./sign-in-path.js";

/**
 * Calls `done(session)` when one has signed in. Returns {offer, send}: `offer(token)` fills the field, `send()` does
 * what the button does.
 */
export function signInForm(element, done) {
  const parts = partsOf(element);
  const { form, alert } = parts;
  const { token, submit } = form.elements;
  setHidden(form, false); // without this script it would send the token elsewhere
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  token.addEventListener("input", () => say(""));

  async function send() {
    say("");
    setBusy(true);
    try {
      const session = await signIn(tokenIn(token.value));
      token.value = "";
      done(session);
    } catch (error) {
      say(error.message);
      token.focus();
    }
    setBusy(false);
  }

  function say(sentence) {
    setText(alert, sentence);
    setAttribute(token, "aria-invalid", sentence !== "");
  }

  function setBusy(busy) {
    setDisabled(submit, busy);
    setText(submit, busy ? "Signing in…" : "Sign in");
  }

  return {
    offer(value) {
      token.value = value;
    },
    send,
  };
}
