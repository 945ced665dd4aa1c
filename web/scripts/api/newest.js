/** The builds that a page shows first, by a request: it needs no connection, which takes two more round trips. */

import { newestBuilds, readBuild } from "./api.js";

/** A promise of the states of the newest builds that `filter`, an MQTT filter, concerns; none when that fails. */
export async function newest(filter) {
  const [root, project, build] = filter.split("/").map((level) => (["+", "#"].includes(level) ? null : level));
  if (root !== "builds") return [];
  try {
    if (project && build) return [await readBuild({ project, build })];
    if (build) return [];
    return (await newestBuilds(project)).builds;
  } catch {
    return []; // the connection says why
  }
}
