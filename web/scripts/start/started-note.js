/** Says which build the last start has made, with a link to it. */

import { shortId } from "../builds/build-view.js";
import { buildPath } from "../page/place.js";
import { partsOf, setAttribute, setHidden, setText } from "../page/render.js";

/** Returns `update(started)`, a state or undefined. */
export function startedNote(element) {
  const parts = partsOf(element);
  return function update(started) {
    setHidden(parts.text, !started);
    if (!started) return;
    setText(parts.link, `${started.project} ${shortId(started.build)}`);
    setAttribute(parts.link, "href", buildPath(started));
  };
}
