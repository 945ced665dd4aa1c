/**
 * What every view has besides what it shows: the title and the icon of its tab, the bell, keys. Where a page has no
 * header or no footer, as one that is embedded in another, it has no bell and no keys.
 */

import { bell } from "./bell.js";
import { isChosen, noticeOf } from "./notices.js";
import { notify } from "./notifier.js";
import { shortcutSheet } from "./shortcut-sheet.js";
import { shortcuts } from "./shortcuts.js";
import { tab } from "./tab.js";
import { hasEnded } from "../builds/builds.js";
import { placeAt } from "../page/place.js";
import { recall } from "../person/person.js";

/** `picture` is that of picture.js. Returns {build, changed}, to be called for a new state, and for any other news. */
export function comforts(picture) {
  const place = placeAt(location.pathname);
  const header = document.querySelector(".page-header .page-width");
  const footer = document.querySelector(".page-footer .page-width");
  const sign = tab(picture, place);
  const me = () => (picture.visitor.signedIn ? picture.visitor.name : recall());
  const choices = header ? bell(header, place, me) : () => new Set();
  if (footer) shortcuts(shortcutSheet(footer));

  return {
    changed: sign.changed,
    build(before, after) {
      sign.changed();
      if (before && !hasEnded(before) && hasEnded(after)) sign.ended(after);
      if (choices().size === 0 || !isChosen(choices(), after, me())) return;
      const notice = noticeOf(before, after);
      if (notice) notify(notice, after);
    },
  };
}
