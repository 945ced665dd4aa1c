/** How earlier builds of the same job went, and how long they took. */

import { olderBuilds } from "../api/api.js";
import { durationChart } from "../charts/duration-chart.js";
import { partsOf, setHidden } from "../page/render.js";
import { captionOf, earlierOf, entriesOf, MOST, usualOf } from "./durations.js";

const PAGE = 100; // builds
const PAGES = 3; // that are read at most, where a project has many jobs

/**
 * Returns {update, forget, usual}: `usual()` is how long such a build takes, in ms, null while that is not known. Calls
 * `changed()` when it is.
 */
export function earlierBuilds(element, place, changed) {
  const updateChart = durationChart(partsOf(element).chart);
  let asked = false;
  let earlier = [];
  let told = "";

  return {
    usual: () => usualOf(earlier),
    update(state, now) {
      if (!asked) read(state);
      const news = [earlier.length, state.status].join();
      if (news === told) return;
      told = news;
      setHidden(element, earlier.length === 0);
      updateChart(entriesOf(state, earlier, now), captionOf(state, earlier));
      for (const bar of element.querySelectorAll(".bars [data-key]")) {
        bar.toggleAttribute("data-own", bar.dataset.key === place.build);
      }
    },
    forget() {
      [asked, earlier, told] = [false, [], ""];
      setHidden(element, true);
    },
  };

  async function read(state) {
    asked = true;
    const found = [];
    let before = place.build;
    try {
      for (let page = 0; page < PAGES && before && earlierOf(state, found).length < MOST; page++) {
        const { builds, next } = await olderBuilds({ project: place.project, before, limit: PAGE });
        found.push(...builds);
        before = next;
      }
    } catch {
      return; // the page does without
    }
    earlier = earlierOf(state, found);
    changed();
  }
}
