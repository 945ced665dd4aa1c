/** What happened to one build: who asked for it, which workers built it, who stopped it. */

import { clock, moment } from "../text/time.js";
import { activitiesUrl, readPage } from "../api/api.js";
import { copyOf, partsOf, setAttribute, setChildren, setHidden, setPhrases, setText } from "../page/render.js";
import { entryOf, isComplete, KINDS, timelineOf } from "./timeline.js";

const SOON = 700; // ms after news: the recorder has to store it first
const AGAIN = 2000; // ms between tries while an entry is missing
const TRIES = 5;

/**
 * Returns {update, errors, until, forget}. `update(state, recoveries)` reads on when `state` has something that is not
 * read yet, and when `recoveries` has grown: the last try may have failed. `errors(errors)` says which errors there are
 * (errors.js). `until(time)` shows only what was published until then, null for all. `forget()` empties it.
 */
export function buildHistory(element, place) {
  const parts = partsOf(element);
  const entries = new Map();
  let page = activitiesUrl(place, KINDS);
  let told = "";
  let timer;
  let state = null;
  let errors = new Map();
  let limit = null;

  return {
    update(next, recoveries) {
      const wasLost = state?.lost;
      state = next;
      if (wasLost !== next.lost) show();
      const news = [next.status, next.attempt, next.stopping, recoveries].join();
      if (news === told) return;
      told = news;
      readSoon(next, entries.size ? SOON : 0, TRIES);
    },
    errors(next) {
      errors = next;
      show();
    },
    until(time) {
      if (time === limit) return;
      limit = time;
      show();
    },
    forget() {
      clearTimeout(timer);
      entries.clear();
      page = activitiesUrl(place, KINDS);
      [told, state, errors, limit] = ["", null, new Map(), null];
      setText(parts.alert, "");
      show();
    },
  };

  function readSoon(of, delay, tries) {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const alert = await read().then(
        () => "",
        (error) => error.message, // a later try may succeed; the rest of the page does not need the history
      );
      setText(parts.alert, alert);
      setHidden(element, entries.size === 0 && !alert);
      if (tries > 1 && !isComplete([...entries.values()], of)) readSoon(of, AGAIN, tries - 1);
    }, delay);
  }

  /**
   * Read the last page again and those after it: earlier pages do not change any more. Each page is
   * shown as it comes.
   */
  async function read() {
    for (let url = page; url; ) {
      const { orderedItems, next } = await readPage(url);
      page = url;
      orderedItems.forEach(add);
      show();
      url = local(next);
    }
  }

  function add(activity) {
    const entry = entryOf(activity);
    if (entry) entries.set(entry.id, entry);
  }

  function show() {
    const all = timelineOf([...entries.values()], entries.size ? errors : new Map(), state);
    const shown = all.filter(({ published }) => limit === null || (moment(published) ?? Infinity) <= limit);
    setHidden(element, entries.size === 0);
    const keyed = new Map(shown.map((entry) => [entry.id, entry]));
    setChildren(parts.entries, [...keyed.keys()], () => copyOf("history-entry"));
    for (const row of parts.entries.children) fill(row, keyed.get(row.dataset.key));
  }
}

function fill(element, { look, tone, text, error, href = null, published }) {
  const parts = partsOf(element);
  const time = moment(published);
  setAttribute(element, "data-look", look);
  setAttribute(element, "data-tone", tone);
  setAttribute(parts.icon, "href", `#icon-${look}`);
  setPhrases(href ? parts.link : parts.text, [text]);
  setHidden(parts.link, !href);
  setHidden(parts.text, Boolean(href));
  if (href) setAttribute(parts.link, "href", href);
  setText(parts.error, error);
  setHidden(parts.time, time === null);
  if (time === null) return;
  setText(parts.time, clock(time, Date.now()));
  parts.time.dateTime = new Date(time).toISOString();
}

/** Path and query of a link: behind a proxy, its host may be one that only the gateway knows. */
export function local(link) {
  if (!link) return null;
  const { pathname, search } = new URL(link, location.href);
  return pathname + search;
}
