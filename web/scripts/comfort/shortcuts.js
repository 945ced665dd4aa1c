/**
 * Keys that do what buttons do. Pure but for `shortcuts`, which listens.
 *
 * A button, link or field says its own key, by `aria-keyshortcuts`, so that a page needs to tell nobody. The keys that
 * lead through a list are here. They are single characters, so they can be switched off (WCAG 2.2, 2.1.4), and none
 * counts in a field or with a modifier.
 */

const KEY = "buildfeed.keys";
const NEXT = new Set(["j", "ArrowDown"]);
const PREVIOUS = new Set(["k", "ArrowUp"]);
const FIELDS = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], [role=dialog]";

/** Whether keys do anything; they do until somebody switches them off. */
export function keysAreOn() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

export function switchKeys(on) {
  try {
    if (on) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "off");
  } catch {
    // The browser keeps nothing: the choice is lost with the page.
  }
}

/** What a key means: {step: 1}, {step: -1}, {help: true}, {press: key}, or null for what is not for us. */
export function meaningOf({ key, ctrlKey, metaKey, altKey, isComposing, defaultPrevented }) {
  if (ctrlKey || metaKey || altKey || isComposing || defaultPrevented) return null;
  if (NEXT.has(key)) return { step: 1 };
  if (PREVIOUS.has(key)) return { step: -1 };
  if (key === "?") return { help: true };
  return key.length === 1 && key !== " " ? { press: key } : null;
}

/** The place to go to in a list of `count` from the one at `index`, -1 for none; the ends hold. */
export function stepFrom(index, step, count) {
  if (count === 0) return -1;
  if (index < 0) return step > 0 ? 0 : count - 1;
  return Math.min(count - 1, Math.max(0, index + step));
}

/** Listen. `help()` opens the sheet. */
export function shortcuts(help) {
  document.addEventListener("keydown", (event) => {
    const meaning = meaningOf(event);
    const { target } = event;
    if (!meaning || !keysAreOn() || !(target instanceof Element) || target.closest(FIELDS)) return;
    // Arrows lead from one build to the next only from a build: elsewhere they scroll.
    if (event.key.startsWith("Arrow") && !itemOf(target)) return;
    const done = meaning.help ? (help(), true) : meaning.step ? move(target, meaning.step) : press(meaning.press);
    if (done) event.preventDefault();
  });
}

const itemOf = (element) => element.closest("#build-list [data-key]");

/** Focus the link of the build before or behind the one that has the focus. */
function move(target, step) {
  const items = [...document.querySelectorAll("#build-list [data-key]")].filter(isShown);
  const index = stepFrom(items.indexOf(itemOf(target)), step, items.length);
  const link = items[index]?.querySelector('a[data-part="build"]') ?? items[index]?.querySelector("a");
  if (!link) return false;
  link.focus({ preventScroll: true });
  items[index].scrollIntoView({ block: "nearest" });
  return true;
}

function press(key) {
  const [element] = [...document.querySelectorAll("[aria-keyshortcuts]")].filter(
    (one) => one.getAttribute("aria-keyshortcuts").split(" ").includes(key) && isShown(one) && !one.disabled,
  );
  if (!element) return false;
  element.focus();
  if (!element.matches("input, select, textarea")) element.click();
  return true;
}

const isShown = (element) => element.getClientRects().length > 0;
