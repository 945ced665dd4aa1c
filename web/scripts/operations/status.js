/** Whether what operators see is of now, in words as the light in the header has them. Pure. */

import { clock } from "../text/time.js";

/** {state, text, detail}: `answeredAt` is when the newest answer came, null without one, `failure` why none came since. */
export function statusOf({ visitor, answeredAt, failure }, now) {
  if (!visitor.known) return said(failure ? "down" : "waiting", failure ? "Reconnecting…" : "Connecting…");
  if (!visitor.rights.operate) return said("out", visitor.signedIn ? "Not allowed" : "Not signed in");
  if (failure) return said("down", "Reconnecting…", answeredAt === null ? "" : `not live since ${clock(answeredAt, now)}`);
  return answeredAt === null ? said("waiting", "Connecting…") : said("live", "Live");
}

const said = (state, text, detail = "") => ({ state, text, detail });
