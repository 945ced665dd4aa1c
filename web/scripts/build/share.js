/** Makes a link that shows one build to whoever has it, for some hours. */

import { shareBuild } from "../api/api.js";
import { partsOf, setDisabled, setHidden, setText } from "../page/render.js";
import { clockAhead, moment } from "../text/time.js";

/** Returns `update(shown)`: whether one may share this build. */
export function sharePanel(element, place) {
  const parts = partsOf(element);
  const { hours, make } = parts.form.elements;

  parts.form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setText(parts.alert, "");
    setText(parts.copied, "");
    setDisabled(make, true);
    try {
      const { url, expires } = await shareBuild(place, Number(hours.value));
      parts.link.value = here(url);
      setText(parts.until, `Whoever has it sees this build until ${clockAhead(moment(expires), Date.now())}.`);
      setHidden(parts.made, false);
    } catch (error) {
      setText(parts.alert, error.message);
    }
    setDisabled(make, false);
  });

  parts.link.addEventListener("focus", () => parts.link.select());
  parts.copy.addEventListener("click", async () => {
    parts.link.select();
    try {
      await navigator.clipboard.writeText(parts.link.value);
      setText(parts.copied, "Copied.");
    } catch {
      setText(parts.copied, "Your browser does not let the page copy: the link is selected, copy it.");
    }
  });

  return (shown) => setHidden(element, !shown);
}

/** The path of a link at the host of this page: behind a proxy, another may be one that only the gateway knows. */
const here = (link) => location.origin + new URL(link, location.href).pathname;
