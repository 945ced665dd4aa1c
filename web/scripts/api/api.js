/** Starts, stops, sessions, and reads of the API. Only this file and log.js beside it call fetch. */

import {
  isDead,
  isErrors,
  isList,
  isNamed,
  isOffers,
  isOperations,
  isPage,
  isPhone,
  isProblem,
  isProjects,
  isSession,
  isShare,
  isState,
} from "./answers.js";
import { reasonOf, sentenceOf, slugOf, strangerText } from "./problem.js";
import { ROOT } from "./root.js";
import { NOT_SIGNED_IN } from "../person/who.js";

const TIMEOUT = 15_000; // ms
const TOO_MANY = 429; // for the moment
const FIRST = 30; // builds that a page shows before it is connected

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

/** {builds, next}: builds older than `before` (a cursor), newest first, of one project or in one status if so asked. */
export function olderBuilds({ project, status, before, limit }) {
  const query = new URLSearchParams({ limit });
  if (project) query.set("project", project);
  if (status) query.set("status", status);
  if (before) query.set("before", before);
  return call("GET", `${ROOT}/api/builds?${query}`, isList);
}

/** The same of the newest builds, of `project` or of all. */
export const newestBuilds = (project) => olderBuilds({ project, limit: FIRST });

/** The state of a build. */
export const readBuild = (place) => call("GET", buildUrl(place), (json) => isState(json, place));

/** {projects, next}: the projects that one may know of after the one called `after`, by their names. */
export function readProjects({ after, limit }) {
  const query = new URLSearchParams({ limit });
  if (after) query.set("after", after);
  return call("GET", `${ROOT}/api/projects?${query}`, isProjects);
}

/** What one may start, of what workers offer: the body of `GET /api/jobs`. */
export const readOffers = () => call("GET", `${ROOT}/api/jobs`, isOffers);

/** What operators look at: the body of `GET /api/operations`. */
export const readOperations = () => call("GET", `${ROOT}/api/operations`, isOperations);

/** The starts that were given up: the body of `GET /api/dead`. */
export const readDead = () => call("GET", `${ROOT}/api/dead`, isDead);

const deadUrl = ({ project, build }) =>
  `${ROOT}/api/dead/${encodeURIComponent(project)}/${encodeURIComponent(build)}`;

/** Begin a start that was given up again; returns {project, build} of the new build. */
export const retryDead = (letter) => call("POST", `${deadUrl(letter)}/retry`, isNamed);

/** Remove a start that was given up, for good. */
export const dropDead = (letter) => call("DELETE", deadUrl(letter), (json) => json === null);

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

/** {errors, next}: errors of a build in their order, behind the one of number `after`. */
export const readErrors = (place, after) => call("GET", `${buildUrl(place)}/errors?after=${after}`, isErrors);

const projectUrl = (project) => `${ROOT}/api/projects/${encodeURIComponent(project)}`;

export const buildUrl = ({ project, build }) => `${projectUrl(project)}/builds/${encodeURIComponent(build)}`;

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
  if (!answer) throw unreachable();
  if (answer.ok && fit(answer.json)) return answer.json;
  throw errorOf(answer, url);
}

export const unreachable = () =>
  new ApiError("The gateway cannot be reached. Try again in a moment.", { settled: false });

/** The ApiError for an answer that is not what was asked for. */
export function errorOf({ ok, status, reason, retryAfter, json }, url) {
  if (ok || !isProblem(json)) return new ApiError(strangerText(status, reason), { settled: false });
  if (slugOf(json) === NOT_SIGNED_IN && url !== SESSION) document.dispatchEvent(new CustomEvent(NOT_SIGNED_IN));
  const passing = status >= 500 || status === TOO_MANY;
  return new ApiError(sentenceOf(json), { settled: status < 500, passing, retryAfter });
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

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
