/** A build that has ended: a row of one line. */

import { buildItem } from "./build-item.js";
import { nameOf, rowOf } from "./list-view.js";
import { setText } from "../page/render.js";

/** Returns {element, update(state, context)}; the button dispatches `start-build`. It may show one build after another. */
export const buildRow = () => buildItem("build-row", { name, viewOf: rowOf, draw });

function name(parts, state) {
  const { title, id } = nameOf(state);
  setText(parts.title, title);
  parts.id.textContent = id;
}

function draw(parts, view, before) {
  if (view.status !== before.status) parts.status.textContent = view.status;
  if (view.took !== before.took) parts.took.textContent = view.took;
  if (view.when !== before.when) parts.time.textContent = view.when;
  if (view.by !== before.by) parts.by.textContent = view.by;
}
