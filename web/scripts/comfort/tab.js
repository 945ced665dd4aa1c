/** The title of the window and the icon of the tab: they go on where nothing else is drawn, in a hidden page. */

import { drawn, iconOf, titleOf } from "./tab-sign.js";

const SELDOM = 1000; // ms between two looks at all builds

/** Returns {changed, ended}: `changed()` says that something has, `ended(state)` that a build ended. */
export function tab(picture, place) {
  const icon = document.querySelector("link[rel=icon]");
  const own = icon?.href;
  let ended = []; // while nobody looked
  let waiting = false;

  function show() {
    waiting = false;
    const { builds, known } = picture;
    const { live, workers } = picture.liveness;
    const state = place.build ? builds.get(`${place.project}/${place.build}`) : undefined;
    const seen = { builds, state, ended, known, live, workers, now: picture.now() };
    const title = titleOf(place, seen);
    if (document.title !== title) document.title = title;
    const sign = iconOf(place, seen);
    const href = sign ? `data:image/svg+xml,${encodeURIComponent(drawn(sign))}` : own;
    if (icon && icon.href !== href) icon.href = href;
  }

  function changed() {
    if (waiting) return;
    waiting = true;
    setTimeout(show, SELDOM);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    ended = [];
    changed();
  });
  setInterval(changed, SELDOM); // times pass without news: a build that waits is due

  return {
    changed,
    ended(state) {
      if (document.hidden) ended.push(state);
      changed();
    },
  };
}
