/** The only file that calls fetch: starts, stops, sessions, and reads of the API. */

import { isList, isOverview, isPage, isPhone, isProblem, isSession, isShare, isState } from "./answers.js";
import { reasonOf, sentenceOf, slugOf, strangerText } from "./problem.js";
import { ROOT } from "./root.js";
import { NOT_SIGNED_IN } from "./who.js";

const TIMEOUT = 15_000; // ms
const TOO_MANY = 429; // for the moment

/**
 * `message` is a sentence for people; `settled`: the gateway itself refused for good; `passing`: the cause
 * goes by itself, not before `retryAfter` (ms).
 */
export class ApiError extends Error {
  constructor(message, { settled, passing = !settled, retryAfter = 0 }) {
    super(message);
    this.settled = settled;
    this.passing = passing;
    this.retryAfter = retryAfter;
  }
}

/** Ask for a build; returns its state. */
export const startBuild = (project, body, key) =>
  call("POST", `${projectUrl(project)}/builds`, (json) => isState(json, { project }), {
    body,
    headers: { "Idempotency-Key": key },
  });

/** Ask to stop a build; returns its state. */
export const stopBuild = ({ project, build }, body) =>
  call("POST", `${buildUrl({ project, build })}/stop`, (json) => isState(json, { project, build }), { body });

/** {builds, next}: builds older than `before` (a cursor), newest first. */
export function olderBuilds({ project, before, limit }) {
  const query = new URLSearchParams({ limit });
  if (project) query.set("project", project);
  if (before) query.set("before", before);
  return call("GET", `${ROOT}/api/builds?${query}`, isList);
}

/** The queue and the workers: the body of `GET /api/overview`. */
export const readOverview = () => call("GET", `${ROOT}/api/overview`, isOverview);

/** Ask for a link that shows a build to everybody for so many hours: {url, name, expires}. */
export const shareBuild = (place, hours) =>
  call("POST", `${buildUrl(place)}/share`, isShare, { body: { hours } });

/** How one's own phone reaches the broker: the body of `GET /api/phone`. */
export const readPhone = () => call("GET", `${ROOT}/api/phone`, isPhone);

const SESSION = `${ROOT}/api/session`;

/** Who one is: the body of `GET /api/session`. */
export const readSession = () => call("GET", SESSION, isSession);

/** Sign in by a token; returns who one is from now on. */
export const signIn = (token) => call("POST", SESSION, isSession, { body: { token } });

/** Sign out. */
export const signOut = () => call("DELETE", SESSION, (json) => json === null);

/** The address of the first page of a build's activities of `kinds`. */
export const activitiesUrl = (place, kinds) =>
  `${buildUrl(place)}/activities?${new URLSearchParams([["after", 0], ...kinds.map((kind) => ["kind", kind])])}`;

/** The page of an OrderedCollection (Activity Streams 2.0) at `url`. */
export const readPage = (url) => call("GET", url, isPage);

/**
 * Why the gateway does not let this page in: {answered, refusal, trouble}: whether anything answered, and
 * sentences or "".
 *
 * A browser hides from its page how a WebSocket was refused, and sends no Origin with a GET to the
 * page's own host. So this sends a POST to an address that takes none: the answer is “method not
 * allowed”, or the refusal. `trouble` says why else there is no connection.
 */
export async function whyNot() {
  const answer = await ask(`${ROOT}/api/overview`, { method: "POST" });
  if (answer) return { answered: true, ...reasonOf(answer.json, answer.status, answer.reason) };
  return { answered: false, refusal: "", trouble: "The gateway cannot be reached. This page keeps trying." };
}

const projectUrl = (project) => `${ROOT}/api/projects/${encodeURIComponent(project)}`;

const buildUrl = ({ project, build }) => `${projectUrl(project)}/builds/${encodeURIComponent(build)}`;

/**
 * The JSON of an answer that is `fit`; else throws ApiError. When somebody has to sign in for it, `document` hears
 * of it too, by the event `not-signed-in`.
 */
async function call(method, url, fit, { body, headers = {} } = {}) {
  const request = { method, headers };
  if (body !== undefined) {
    request.headers = { ...headers, "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  const answer = await ask(url, request);
  if (!answer) {
    throw new ApiError("The gateway cannot be reached. Try again in a moment.", { settled: false });
  }
  const { ok, status, reason, retryAfter, json } = answer;
  if (ok && fit(json)) return json;
  if (!ok && isProblem(json)) {
    if (slugOf(json) === NOT_SIGNED_IN && url !== SESSION) document.dispatchEvent(new CustomEvent(NOT_SIGNED_IN));
    const passing = status >= 500 || status === TOO_MANY;
    throw new ApiError(sentenceOf(json), { settled: status < 500, passing, retryAfter });
  }
  throw new ApiError(strangerText(status, reason), { settled: false });
}

/**
 * {ok, status, reason, retryAfter (ms), json} of the whole answer, null when none comes within TIMEOUT. The gateway
 * redirects nobody, so a redirection is not followed: its status is 0. `json` is null if it is none.
 */
async function ask(url, request) {
  const control = new AbortController(); // AbortSignal.timeout is too new
  const timer = setTimeout(() => control.abort(), TIMEOUT);
  try {
    const answer = await fetch(url, { ...request, redirect: "manual", signal: control.signal });
    const { ok, status, statusText: reason } = answer;
    const retryAfter = 1000 * Number(answer.headers.get("Retry-After")) || 0;
    return { ok, status, reason, retryAfter, json: parsed(await answer.text()) };
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
