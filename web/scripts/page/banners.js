/** Banners above the builds: one for each thing that is wrong with the whole. The texts are in banner-texts.js. */

import { setAttribute, setChildren, setText } from "./render.js";

/** Returns `update(banners)`. */
export function bannerList(element) {
  return function update(banners) {
    const byId = new Map(banners.map((banner) => [banner.id, banner]));
    setChildren(element, [...byId.keys()], create);
    for (const row of element.children) {
      const { tone, text, advice } = byId.get(row.dataset.key);
      setAttribute(row, "data-tone", tone);
      setText(row.firstElementChild, text);
      setText(row.lastElementChild, advice);
    }
    element.hidden = banners.length === 0;
  };
}

function create() {
  const row = document.createElement("li");
  row.className = "banner";
  row.append(document.createElement("strong"), " ", document.createElement("span"));
  return row;
}
