/** The only file that calls fetch: starts, stops, and reads of the API. */

import { reasonOf, sentenceOf } from "./problem.js";

const TIMEOUT = 15_000;
const TOO_MANY = 429; // starts, for the moment

/**
 * `message` is a sentence for people; `settled`: the gateway refused for good; `passing`: the cause goes by
 * itself, not before `retryAfter` (ms).
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
  call("POST", `${projectUrl(project)}/builds`, { body, headers: { "Idempotency-Key": key } });

/** Ask to stop a build; returns its state. */
export const stopBuild = ({ project, build }, body) =>
  call("POST", `${projectUrl(project)}/builds/${encodeURIComponent(build)}/stop`, { body });

/** {builds, next}: builds older than `before` (a cursor), newest first. */
export function olderBuilds({ project, before, limit }) {
  const query = new URLSearchParams({ limit });
  if (project) query.set("project", project);
  if (before) query.set("before", before);
  return call("GET", `/api/builds?${query}`);
}

/** The queue and the workers: the body of `GET /api/overview`. */
export const readOverview = () => call("GET", "/api/overview");

/** The address of a build's activities, an OrderedCollection of Activity Streams 2.0. */
export const activitiesUrl = ({ project, build }) =>
  `${projectUrl(project)}/builds/${encodeURIComponent(build)}/activities`;

/** The collection at `url`, or one page of it. */
export const readCollection = (url) => call("GET", url);

/**
 * Why the gateway does not let this page in: {answered, refusal, trouble}: whether anything answered, and
 * sentences or "".
 *
 * A browser hides from its page how a WebSocket was refused, and sends no Origin with a GET to the
 * page's own host. So this sends a POST to an address that takes none: the answer is “method not
 * allowed”, or the refusal. `trouble` says why else there is no connection.
 */
export async function whyNot() {
  let answer;
  try {
    answer = await fetch("/api/overview", { method: "POST", signal: AbortSignal.timeout(TIMEOUT) });
  } catch {
    return { answered: false, refusal: "", trouble: "The gateway cannot be reached. This page keeps trying." };
  }
  const problem = await answer.json().catch(() => null);
  return { answered: true, ...reasonOf(problem, answer.status, answer.statusText) };
}

const projectUrl = (project) => `/api/projects/${encodeURIComponent(project)}`;

async function call(method, url, { body, headers = {} } = {}) {
  const request = { method, headers, signal: AbortSignal.timeout(TIMEOUT) };
  if (body !== undefined) {
    request.headers = { ...headers, "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(url, request);
  } catch {
    throw new ApiError("The gateway cannot be reached. Try again in a moment.", { settled: false });
  }
  const json = await answer.json().catch(() => null);
  if (answer.ok) return json;
  const settled = answer.status < 500;
  const retryAfter = 1000 * Number(answer.headers.get("Retry-After")) || 0;
  throw new ApiError(sentenceOf(json, answer.status, answer.statusText), {
    settled,
    passing: !settled || answer.status === TOO_MANY,
    retryAfter,
  });
}
