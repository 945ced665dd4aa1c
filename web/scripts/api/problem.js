// @ts-check

/** Answers that say why something failed, as one sentence for people. Pure. */

import { isProblem } from "./answers.js";
import { oneLine } from "../text/foreign-text.js";

/** @import { Problem } from "../types" */

/** Statuses that ask for a person: to sign in, to a proxy, to a network. */
const SIGN_IN = [401, 403, 407, 511];
const BAD_REQUEST = 400;
const METHOD_NOT_ALLOWED = 405;
const SERVER_ERROR = 500;
const NOT_THROUGH =
  "The gateway answers, but a live connection does not reach it. The proxy in front of it has to pass on WebSockets.";

/**
 * The end of a problem's type, which says what it is.
 *
 * @type {(problem: { type: string }) => string}
 */
export const slugOf = ({ type }) => type.split(":").pop() ?? "";

/**
 * The problem of the gateway as one sentence.
 *
 * @type {(problem: Problem) => string}
 */
export function sentenceOf({ title, detail, errors }) {
  const said = withoutStop(detail || title || "The gateway refused");
  const more = listOf(errors).filter((one) => !said.includes(withoutStop(one.detail ?? "")));
  return oneLine(`${[said, ...more.map(inWords)].join("; ")}.`);
}

/**
 * The sentence about an answer that is not the gateway's; `status` is 0 of one that leads elsewhere.
 *
 * @type {(status: number, reason: string) => string}
 */
export function strangerText(status, reason) {
  const said = status < BAD_REQUEST ? "" : ` ${oneLine(`${status} ${reason}`)}`;
  const advice =
    status < BAD_REQUEST || SIGN_IN.includes(status)
      ? "perhaps you have to sign in again: reload the page"
      : "try again in a moment";
  return `Something in front of the gateway answered${said}; ${advice}.`;
}

/**
 * {refusal, trouble} of the answer to a POST where the gateway takes none. The gateway answers 405,
 * or the problem for which it refuses this page; any other answer is a proxy's.
 *
 * @type {(json: any, status: number, reason: string) => { refusal: string, trouble: string }}
 */
export function reasonOf(json, status, reason) {
  if (!isProblem(json)) return { refusal: "", trouble: `${troubleText(status, reason)} This page keeps trying.` };
  if (status === METHOD_NOT_ALLOWED) return { refusal: "", trouble: NOT_THROUGH };
  const sentence = sentenceOf(json);
  return status < SERVER_ERROR
    ? { refusal: sentence, trouble: "" }
    : { refusal: "", trouble: sentence };
}

/**
 * The same of a whole text, as {answered, refusal, trouble}; null when it is no problem of the gateway.
 *
 * @type {(text: string, status: number, reason: string) => { answered: boolean, refusal: string, trouble: string } | null}
 */
export function reasonIn(text, status, reason) {
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  return isProblem(json) ? { answered: true, ...reasonOf(json, status, reason) } : null;
}

/** @type {(status: number, reason: string) => string} */
const troubleText = (status, reason) =>
  status < SERVER_ERROR
    ? strangerText(status, reason)
    : `A proxy in front of the gateway answers ${oneLine(`${status} ${reason}`)}.`;

/**
 * `errors` is a list of texts or of {detail, pointer} as in RFC 9457 §3.
 *
 * @type {(errors: unknown) => { detail?: string, pointer?: string }[]}
 */
function listOf(errors) {
  if (!Array.isArray(errors)) return [];
  return errors.filter(Boolean).map((one) => (typeof one === "string" ? { detail: one } : one));
}

/** @type {(one: { detail?: string, pointer?: string }) => string} */
function inWords({ pointer, detail }) {
  const place = pointer?.split("/").filter((part) => part && part !== "#");
  return [place?.join(" "), withoutStop(detail ?? "is not valid")].filter(Boolean).join(" ");
}

/** @type {(text: string) => string} */
const withoutStop = (text) => String(text).trim().replace(/\.+$/, "");
