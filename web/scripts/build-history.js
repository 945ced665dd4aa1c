/** What happened to one build: who started it, every error in full, who stopped it. */

import { clock, moment } from "./time.js";
import { activitiesUrl, readPage } from "./api.js";
import {
  copyOf,
  partsOf,
  setAttribute,
  setChildren,
  setHidden,
  setPhrases,
  setText,
} from "./render.js";
import { entryOf, isComplete, KINDS } from "./timeline.js";

const SOON = 700; // ms after news: the recorder has to store it first
const AGAIN = 2000; // ms between tries while an entry is missing
const TRIES = 5;

/**
 * Returns {update, forget}. `update(state, recoveries)` reads on when `state` has something that is not read yet, and
 * when `recoveries` has grown: the last try may have failed. `forget()` empties it: it is shown to somebody else.
 */
export function buildHistory(element, place) {
  const parts = partsOf(element);
  const entries = new Map();
  let page = activitiesUrl(place, KINDS);
  let told = "";
  let timer;

  return {
    update(state, recoveries) {
      const news = [state.status, state.attempt, state.errors, state.stopping, recoveries].join();
      if (news === told) return;
      told = news;
      readSoon(state, entries.size ? SOON : 0, TRIES);
    },
    forget() {
      clearTimeout(timer);
      entries.clear();
      page = activitiesUrl(place, KINDS);
      told = "";
      setText(parts.alert, "");
      show();
    },
  };

  function readSoon(state, delay, tries) {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const alert = await read().then(
        () => "",
        (error) => error.message, // a later try may succeed; the card does not need the history
      );
      setText(parts.alert, alert);
      setHidden(element, entries.size === 0 && !alert);
      if (tries > 1 && !isComplete([...entries.values()], state)) readSoon(state, AGAIN, tries - 1);
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
    setHidden(element, entries.size === 0);
    setChildren(parts.entries, [...entries.keys()], (id) => row(entries.get(id)));
  }
}

function row({ look, tone, text, error, published }) {
  const element = copyOf("history-entry");
  const parts = partsOf(element);
  const time = moment(published);
  element.dataset.look = look;
  element.dataset.tone = tone;
  setAttribute(parts.icon, "href", `#icon-${look}`);
  setPhrases(parts.text, [text]);
  setText(parts.error, error);
  if (time !== null) {
    setText(parts.time, clock(time, Date.now()));
    parts.time.dateTime = new Date(time).toISOString();
  }
  return element;
}

/** Path and query of a link: behind a proxy, its host may be one that only the gateway knows. */
function local(link) {
  if (!link) return null;
  const { pathname, search } = new URL(link, location.href);
  return pathname + search;
}
