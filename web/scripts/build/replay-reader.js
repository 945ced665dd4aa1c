/** Reads all activities of a build, page by page. */

import { activitiesUrl, readPage } from "../api/api.js";
import { local } from "./build-history.js";
import { KINDS, NOTHING, withActivities } from "./recording.js";

/** From so many activities on the output is left out: it is most of them. */
const MOST_WITH_OUTPUT = 4000;

/** Calls `hear(recording, whole)` with every page. Returns a promise of its end; throws ApiError. */
export async function readRecording(place, hear) {
  let recording = NOTHING;
  let url = activitiesUrl(place, KINDS);
  let page = await readPage(url);
  if (page.totalItems > MOST_WITH_OUTPUT) {
    url = activitiesUrl(place, KINDS.filter((kind) => kind !== "log"));
    page = await readPage(url);
  }
  for (;;) {
    const next = local(page.next);
    recording = withActivities(recording, page.orderedItems);
    hear(recording, !next);
    if (!next) return;
    page = await readPage(next);
  }
}
