/** Keeps who one is, as the gateway says it, and why one has to sign in. */

import { readSession, signOut } from "../api/api.js";
import { NOT_SIGNED_IN, SIGN_IN_FIRST, whyToSignIn } from "./who.js";

const AGAIN = 5000; // ms, after a try that failed
const SPREAD = 2000; // ms: pages that come back together do not all ask in the same moment

/**
 * Asks at once, and calls `hear(session, why, entered)` with every answer: `session` as in `who.js`, `why` a
 * sentence that asks one to sign in, or "", `entered` whether one has just done so here.
 *
 * Returns {check, came, need, become, leave}: `check()` asks again, `came()` the same soon; `need()`: the gateway
 * refuses what needs a sign-in; `become(session)`: one has signed in; `leave()` signs out.
 */
export function sessionKeeper(hear) {
  let known = null;
  let why = "";
  let asking = false;
  let needed = false; // whether something was refused until one signs in
  let timer;

  function take(session, sentence, entered = false) {
    known = session;
    why = sentence;
    needed = false;
    hear(session, why, entered);
  }

  async function check() {
    clearTimeout(timer);
    if (asking) return;
    asking = true;
    const [before, session] = [known, await readSession().catch(() => null)];
    asking = false;
    if (known !== before) return check(); // one has signed in or out meanwhile
    if (session) {
      // The first sentence stays: it says most.
      const asks = why || whyToSignIn(known, session) || (needed ? SIGN_IN_FIRST : "");
      take(session, session.anonymous ? asks : "");
    } else if (!known || needed) {
      timer = setTimeout(check, AGAIN);
    }
  }

  function need() {
    needed = true;
    if (!known?.anonymous || !why) check();
  }

  document.addEventListener(NOT_SIGNED_IN, need);
  check();

  return {
    check,
    need,
    came() {
      clearTimeout(timer);
      timer = setTimeout(check, SPREAD * Math.random());
    },
    become(session) {
      take(session, "", true);
    },
    /** Throws ApiError. */
    async leave() {
      await signOut();
      known = null;
      await check();
    },
  };
}
