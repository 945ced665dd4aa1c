/**
 * Whether an answer is what was asked for. Pure.
 *
 * A status says little of it: a proxy that wants people to sign in answers 200 with a page, or with
 * JSON of its own.
 */

const isText = (value) => typeof value === "string";

/** The state of a build: of the project `project`, of the build `build` where they are given. */
export const isState = (json, { project = json?.project, build = json?.build } = {}) =>
  [json?.project, json?.build, json?.status].every(isText) &&
  [json.attempt, json.seq, json.progress, json.errors].every(Number.isInteger) &&
  json.project === project &&
  json.build === build;

export const isList = (json) =>
  Array.isArray(json?.builds) &&
  json.builds.every((state) => isState(state)) &&
  (json.next === null || isText(json.next));

/** A page of projects. */
export const isProjects = (json) =>
  Array.isArray(json?.projects) &&
  json.projects.every(({ project, newest }) => isText(project) && (newest === null || isState(newest))) &&
  (json.next === null || isText(json.next));

export const isOverview = (json) =>
  Array.isArray(json?.workers) &&
  json.workers.every((worker) => isText(worker?.worker)) &&
  [json.queued?.high, json.queued?.normal, json.running].every(Number.isInteger);

/** A build by its names. */
export const isNamed = (json) => [json?.project, json?.build].every(isText);

/** What operators look at. */
export const isOperations = (json) =>
  isOverview(json) &&
  json.workers.every(({ builds, jobs }) => Array.isArray(builds) && builds.every(isNamed) && Array.isArray(jobs)) &&
  Array.isArray(json.processes) &&
  json.processes.every(({ process, watchers }) => isText(process) && typeof watchers === "object");

/** The starts that were given up. */
export const isDead = (json) =>
  Array.isArray(json?.letters) &&
  json.letters.every((letter) => isNamed(letter) && isText(letter.reason)) &&
  typeof json.kept === "boolean";

/** What workers offer. */
export const isOffers = (json) =>
  Array.isArray(json?.jobs) &&
  json.jobs.every(({ project, job }) => isText(project) && isText(job)) &&
  json.jobs.every(({ parameters }) => Array.isArray(parameters) && parameters.every(isText)) &&
  [json.scripts, json.more].every((each) => typeof each === "boolean");

/** A page of a collection of activities. */
export const isPage = (json) =>
  Array.isArray(json?.orderedItems) &&
  json.orderedItems.every((activity) => isText(activity?.id) && isText(activity.object?.status)) &&
  (json.next === undefined || isText(json.next));

/** A page of the errors of a build. */
export const isErrors = (json) =>
  Array.isArray(json?.errors) &&
  json.errors.every(({ number, attempt, seq, text }) => [number, attempt, seq].every(Number.isInteger) && isText(text)) &&
  (json.next === null || Number.isInteger(json.next));

/** Who one is. */
export const isSession = (json) =>
  isText(json?.name) &&
  (!json.provider || isText(json.provider)) &&
  typeof json.anonymous === "boolean" &&
  Array.isArray(json.grants) &&
  json.grants.every(isText);

/** A link that shares a build. */
export const isShare = (json) => isText(json?.url) && isText(json.expires);

/** What one puts into an app of MQTT. */
export const isPhone = (json) =>
  (json?.name === null || isText(json?.name)) &&
  (json.unreachable === null || isText(json.unreachable)) &&
  Array.isArray(json.topics) &&
  json.topics.every(isText) &&
  Array.isArray(json.addresses) &&
  json.addresses.every(({ url, scheme, host, port }) => [url, scheme, host].every(isText) && Number.isInteger(port));

/** A problem (RFC 9457) of the gateway, not of anything in front of it. */
export const isProblem = (json) =>
  isText(json?.type) && json.type.startsWith("urn:buildfeed:problem:");
