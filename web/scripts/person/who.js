/**
 * Who one is, in words. Pure. A session is the answer of `/api/session`: {name, anonymous, grants, expires,
 * reason}.
 */

import { mayDoEverything, mayRead, onlyBuild, rightsOf } from "./grants.js";
import { clockAhead, moment } from "../text/time.js";

/** The slug of the problem that asks for a sign-in. */
export const NOT_SIGNED_IN = "not-signed-in";

export const SIGN_IN_FIRST = "Sign in to see what is built here.";
const SIGNED_OUT = "You are signed out. Sign in, and this page goes on.";
/** Why a session is over, by the reason that the gateway gives. */
const OVER = {
  ended: "Your session has ended. Sign in again, and this page goes on.",
  expired: "The token that you signed in with has expired. Ask for a new one.",
  revoked: "The token that you signed in with was revoked. Ask for a new one.",
};
const LINK_NAME = /^share-[0-9a-f]{8}$/;

/** Whether one came by a link that shares a build. */
export const isByLink = ({ name, grants }) => LINK_NAME.test(name) && onlyBuild(rightsOf(grants)) !== null;

/** What two sessions have in common that show the same picture. */
export const identityOf = ({ name, anonymous, grants }) => JSON.stringify([anonymous, name, grants]);

/** Whether one has signed out, here or in another tab, or never was signed in. */
export const isOut = ({ anonymous, reason }) => anonymous && !(reason in OVER);

/** What stands in the header: {name, signIn, signOut}; `session` is null while it is not known. */
export function accountOf(session) {
  if (!session) return { name: "", signIn: false, signOut: false };
  if (isByLink(session)) return { name: "", signIn: true, signOut: false };
  if (!session.anonymous) return { name: session.name, signIn: false, signOut: true };
  return { name: "", signIn: !mayDoEverything(rightsOf(session.grants)), signOut: false };
}

/**
 * Why one has to sign in, now that the session is `next`; "" when there is no need. `before` was it until
 * now, null at first.
 */
export function whyToSignIn(before, next) {
  if (!next.anonymous) return "";
  if (before && !before.anonymous) return OVER[next.reason] ?? SIGNED_OUT;
  return OVER[next.reason] ?? (mayRead(rightsOf(next.grants)) ? "" : SIGN_IN_FIRST);
}

/** The note for somebody who came by a link; "" for others. `now` is in ms. */
export function linkNote(session, now) {
  if (!session || !isByLink(session)) return "";
  const end = moment(session.expires);
  const until = end === null ? "" : `, until ${clockAhead(end, now)}`;
  return `You came by a link that shows this one build${until}. Sign in to see more.`;
}
