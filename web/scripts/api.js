/** The only file that calls fetch: start, stop, and what is read from history. */

import { reasonOf, sentenceOf } from "./problem.js";

const TIMEOUT = 15_000;

/** `message` is a sentence for people; `settled` tells that the gateway said no for good. */
export class ApiError extends Error {
  constructor(message, { settled }) {
    super(message);
    this.settled = settled;
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

/** What waits, what runs where, and how the workers are. */
export const readOverview = () => call("GET", "/api/overview");

/** Where the activities of a build are: an OrderedCollection of Activity Streams 2.0. */
export const activitiesUrl = ({ project, build }) =>
  `${projectUrl(project)}/builds/${encodeURIComponent(build)}/activities`;

/** The collection or the page of one at `url`. */
export const readCollection = (url) => call("GET", url);

/**
 * Why the gateway does not let this page in: {refusal, trouble}, sentences or "".
 *
 * Browsers keep from us how a WebSocket was refused, and a GET from its own page has no Origin. So
 * a POST asks, which nothing answers but with “method not allowed”; or with the refusal, if any.
 * `trouble` is what can be said when it is none.
 */
export async function whyNot() {
  let answer;
  try {
    answer = await fetch("/api/overview", { method: "POST", signal: AbortSignal.timeout(TIMEOUT) });
  } catch {
    return { refusal: "", trouble: "The gateway cannot be reached. It is tried again." };
  }
  const problem = await answer.json().catch(() => null);
  return reasonOf(problem, answer.status, answer.statusText);
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
  throw new ApiError(sentenceOf(json, answer.status, answer.statusText), { settled });
}
