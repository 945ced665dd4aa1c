/** The sentence in place of the builds, where there are none. Pure. */

import { mayStart, startable } from "../person/grants.js";

/**
 * `refusal` and `trouble` say why there is no connection, `pictured` whether a snapshot has come, `visitor` who looks
 * at the page: see visitor.js. `filtered`: there are builds, and the filters leave all of them out. "" where another
 * part of the page says it.
 */
export function emptyText(place, { refusal, trouble, pictured, visitor, filtered = false }) {
  if (refusal || visitor.why) return "";
  if (!pictured) return trouble || "Waiting for the gateway…";
  if (place.build) {
    return "This build is not known here. Check its address, or wait: if its start is on the way, the build appears.";
  }
  if (filtered) return "No build here fits the filters.";
  const { rights } = visitor;
  const may = place.project ? mayStart(rights, place.project) : startable(rights)?.length !== 0;
  return may ? "No builds yet. Press “Start a build”, and the first one appears here." : "No builds yet.";
}
