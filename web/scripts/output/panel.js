/** The output of a build: its lines, a search in them, and what is printed now. */

import { logUrl } from "../api/log.js";
import { partsOf, setAttribute, setHidden, setText } from "../page/render.js";
import { shortId } from "../builds/build-view.js";
import { hasEnded } from "../builds/builds.js";
import { emptyText, foundText, sizeText } from "./output-texts.js";
import { firstFrom, newSearch } from "./search.js";
import { outputSource } from "./source.js";
import { viewport } from "./viewport.js";

const TYPED = 100; // ms without a key, then it is searched

/**
 * Returns {update, heard, refresh, forget, limit, toLine, find}: `update(state)` shows the output of the build of which that is
 * the state, `heard(event)` takes an event `log`, `refresh()` reads what may have been missed, `forget()` empties it,
 * `toLine(number)` brings a line into view, and `find(text)` the first line that has a text.
 */
export function outputPanel(element, place) {
  const parts = partsOf(element);
  const { wanted } = parts.search.elements;
  let picked = Number(new URLSearchParams(location.search).get("attempt")) || null; // the attempt that is chosen
  let state = null;
  let source = null;
  let search = null; // what is searched for, see search.js
  let at = 0; // which of its lines is chosen
  let lineWanted = null; // the number of a line that is to be shown when it is there
  let limit = null; // of a replay: what had been printed by then
  let isWholeWanted = false; // whether the end alone will not do
  let anew = false;
  let waiting = false;
  let typed;

  const view = viewport(parts.scroll, parts.rows, {
    needs: (index) => source.textOf(source.blocks.indexOf(index)).then(drawSoon),
    following: () => showFollowing(),
  });
  view.follow(true);

  parts.search.addEventListener("submit", (event) => {
    event.preventDefault();
    go(1);
  });
  wanted.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(searchAnew, wanted.value ? TYPED : 0);
  });
  wanted.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      go(-1);
    }
  });
  parts.next.addEventListener("click", () => go(1));
  parts.previous.addEventListener("click", () => go(-1));
  parts.top.addEventListener("click", () => {
    isWholeWanted = anew = true;
    view.toTop();
    drawSoon();
  });
  parts.end.addEventListener("click", () => {
    view.follow(true);
    showFollowing();
  });
  parts.attempt.addEventListener("change", () => {
    picked = Number(parts.attempt.value);
    const address = new URL(location.href);
    address.searchParams.set("attempt", picked);
    address.hash = "";
    history.replaceState(null, "", address);
    open();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "f" || !(event.ctrlKey || event.metaKey) || document.activeElement === wanted) return;
    event.preventDefault(); // the browser's own search finds only the lines that are drawn; a second press opens it
    wanted.select();
  });

  open(); // beside the connection, as it takes as long

  return {
    update(next) {
      const before = state;
      state = next;
      showAttempts();
      if (!source) return open();
      if (!before && source.alert) source.read(); // perhaps it was not to be seen then
      if (before && !hasEnded(before) && hasEnded(next)) source.ended();
      else if (before && before.attempt !== next.attempt) source.read();
      showFollowing();
      drawSoon();
    },
    heard(event) {
      if (!source) return;
      if (!picked && source.attempt && event.attempt > source.attempt) open(event.attempt);
      source.heard(event);
    },
    refresh: () => source?.read(),
    forget() {
      source?.close();
      source = state = null;
      setHidden(element, true);
    },
    /** Show only what the attempt had printed by then: {attempt, lines}; null: all of it. */
    limit(next) {
      limit = next;
      drawSoon();
    },
    toLine(number) {
      lineWanted = number;
      isWholeWanted = true;
      drawSoon();
    },
    find(text) {
      wanted.value = text;
      searchAnew();
      parts.scroll.scrollIntoView({ block: "nearest" });
      wanted.focus({ preventScroll: true });
    },
  };

  function open(attempt = picked) {
    source?.close();
    anew = true;
    const follows = view.follows;
    source = outputSource(place, attempt, {
      changed: drawSoon,
      anew() {
        anew = true;
        drawSoon();
      },
    });
    view.follow(follows);
    drawSoon();
  }

  function drawSoon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  }

  function draw() {
    waiting = false;
    if (!source || !state) return;
    const isTail = Boolean(source.tail) && !isWholeWanted;
    const blocks = isTail ? source.tail : source.blocks;
    setHidden(element, false);
    setText(parts.alert, source.alert);
    setText(parts.summary, source.known && !isTail && blocks.count ? sizeText(blocks.count, blocks.size, source.whole) : "");
    setText(parts.empty, blocks.count || limit ? "" : emptyText(state, source));
    for (const part of [parts.scroll, parts.tools]) setHidden(part, blocks.count === 0);
    setAttribute(parts.raw, "href", logUrl(place, source.attempt));
    setAttribute(parts.raw, "download", `${place.project}-${shortId(place.build)}.log`);
    const model = { count: shownOf(blocks.count), number: isTail ? null : 1, line: blocks.line, href: (number) => `#line-${number}` };
    view.show(model, anew);
    if (anew && search) startSearch();
    else search?.go(showFound);
    anew = false;
    if (lineWanted !== null && !isTail && (blocks.count >= lineWanted || source.whole)) {
      view.choose(Math.min(lineWanted, blocks.count) - 1);
      element.scrollIntoView({ block: "nearest" });
      lineWanted = null;
    }
    showFollowing();
  }

  function shownOf(count) {
    if (!limit || source.attempt < limit.attempt) return count;
    return source.attempt === limit.attempt ? Math.min(limit.lines, count) : 0;
  }

  function searchAnew() {
    clearTimeout(typed);
    view.search(wanted.value);
    isWholeWanted = true;
    if (!wanted.value) {
      search?.stop();
      search = null;
      view.choose(-1);
      return showFound();
    }
    startSearch();
    at = -1;
  }

  function startSearch() {
    search?.stop();
    search = newSearch(wanted.value, source.blocks, { textOf: source.textOf, pause, now: () => performance.now() });
    search.go(showFound);
  }

  function showFound() {
    const lines = search?.lines ?? [];
    const isOver = Boolean(search?.over && source.whole);
    if (at < 0 && lines.length && (isOver || lines[lines.length - 1] >= view.first)) {
      at = firstFrom(lines, view.first);
      view.choose(lines[at]);
    }
    setText(parts.found, search ? foundText(at, lines.length, isOver) : "");
    for (const part of [parts.next, parts.previous]) setAttribute(part, "aria-disabled", lines.length === 0);
  }

  /** Go to the next line that was found, or by -1 to the one before. */
  function go(step) {
    if (wanted.value !== (search?.wanted ?? "")) return searchAnew();
    const lines = search?.lines ?? [];
    if (!lines.length) return;
    at = (at + step + lines.length) % lines.length;
    view.choose(lines[at]);
    showFound();
  }

  function showAttempts() {
    setHidden(parts.attempts, state.attempt < 2);
    if (parts.attempt.length !== state.attempt) {
      const options = Array.from({ length: state.attempt }, (_, i) => new Option(String(i + 1)));
      parts.attempt.replaceChildren(...options);
    }
    const shown = String(picked ?? (source?.attempt || state.attempt));
    if (parts.attempt.value !== shown) parts.attempt.value = shown;
  }

  function showFollowing() {
    if (!state) return;
    const goesOn = !hasEnded(state);
    setText(parts.end, goesOn ? "Follow" : "End");
    if (goesOn) setAttribute(parts.end, "aria-pressed", view.follows);
    else parts.end.removeAttribute("aria-pressed");
  }
}

/** The next turn: a message comes sooner than a timer, which browsers hold back. */
function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve();
    port2.postMessage(null);
  });
}
