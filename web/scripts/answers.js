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

export const isOverview = (json) =>
  Array.isArray(json?.workers) &&
  json.workers.every((worker) => isText(worker?.worker)) &&
  [json.queued?.high, json.queued?.normal, json.running].every(Number.isInteger);

/** A page of a collection of activities. */
export const isPage = (json) =>
  Array.isArray(json?.orderedItems) &&
  json.orderedItems.every((activity) => isText(activity?.id) && isText(activity.object?.status)) &&
  (json.next === undefined || isText(json.next));

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
