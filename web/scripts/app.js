/** The overview: all builds, or those of one project. Joins the picture and the components. Data flows down, actions flow up. */

import { olderBuilds, readOffers, readProjects } from "./api/api.js";
import { announcer, isToldOf } from "./builds/announcer.js";
import { buildList } from "./builds/build-list.js";
import { countByStatus, hasEnded } from "./builds/builds.js";
import { emptyText } from "./builds/empty-text.js";
import { filterBar } from "./builds/filter-bar.js";
import { activeOf, choicesIn, countStates, filtersIn, matcher, searchOf } from "./builds/filters.js";
import { recover } from "./builds/notes.js";
import { arranged, beyond, moves } from "./builds/order.js";
import { presses } from "./builds/presses.js";
import { followed } from "./live/picture.js";
import { bannersOf } from "./page/banner-texts.js";
import { bannerList } from "./page/banners.js";
import { drawings } from "./page/drawings.js";
import { pageHead } from "./page/page-head.js";
import { placeAt } from "./page/place.js";
import { mayRead, mayStart, startable } from "./person/grants.js";
import { recall } from "./person/person.js";
import { recallFavourites, rememberFavourites } from "./projects/favourites.js";
import { knownProjects, projectRows } from "./projects/known-projects.js";
import { projectList } from "./projects/project-list.js";
import { projectPanel } from "./projects/project-panel.js";
import { UNKNOWN as NOT_ASKED, offersOf } from "./start/offers.js";
import { startForm } from "./start/start-form.js";
import { startSheet } from "./start/start-sheet.js";
import { startedNote } from "./start/started-note.js";

const KEPT = 1000; // ended builds that the page keeps by itself; older ones are in the history
const OLDER = 200; // builds that are read from history at once
const SEARCHED = 5; // times that, while none of them fits the filters
const OLDER_BUILDS = "older"; // the control of the button that asks for them
const FEW = 6; // with more builds that go on than these, bars do not glide and drawings are paced

// In ms:
const TICK = 1000;
const LINGER = 8000; // for so long a build that has ended stays where it was
const PACE = 100; // between two drawings, where many builds go on
const NOTED = 20_000; // how long the page says what a start has made
const REFLECT = 250; // between the last letter of a filter and the new address

const place = placeAt(location.pathname);
const at = (id) => document.getElementById(id);
document.body.dataset.page = place.project ? "project" : "all";

let filters = filtersIn(location.search);
if (place.project) filters.project = ""; // the address says which
let fits = matcher(filters);
const favourites = recallFavourites();

const updateHead = pageHead(at("page-head"), place);
const updateFilters = filterBar(at("filter-bar"), filters, place);
const updateForm = startForm(at("start-form"), place);
const sheet = startSheet(at("start-open"), at("start-sheet"));
const updateStarted = startedNote(at("started"));
const updateBanners = bannerList(at("banners"));
const updateProjects = place.project ? null : projectList(at("project-list"));
const panel = place.project ? projectPanel(at("project-panel"), place) : null;
const list = buildList(at("build-list"), moved);
const announce = announcer(at("announcer"), setTimeout);
const projects = knownProjects(readProjects, () => drawAll());
const offers = offersOf(
  async () => (startable(picture.visitor.rights)?.length === 0 ? NOT_ASKED : readOffers()),
  () => drawAll(),
);
at("start-form").addEventListener("focusin", offers.hurry);

/* From the gateway */

let feed = null; // the last one
let cursor; // the next page of older builds begins before it
const lingering = new Map(); // key of a build that has ended → until when it stays, by performance.now

const picture = followed(filters.watch || place.filter, {
  snapshot() {
    cursor = undefined;
    readProjectsAgain();
  },
  all: drawAll,
  build(key, before, after) {
    if (before?.status !== after.status) {
      if (!notes.get(key)?.busy) notes.delete(key);
      if (before && hasEnded(after)) lingering.set(key, performance.now() + LINGER);
    }
    if (isToldOf(before, after)) announce(after);
    if (moves(before, after, fits)) rearrange = true;
    else if (!list.isDrawn(key)) return;
    changed.add(key);
    request();
  },
  feed(news) {
    feed = news;
    overviewDue = true;
    request();
  },
  visitor({ rights }) {
    if (mayRead(rights)) panel?.read();
    offers.ask();
    readProjectsAgain();
  },
  workers: () => offers.ask(),
  well(returned) {
    const controls = recover(notes, returned, performance.now());
    if (returned || controls.length) drawAll();
  },
  cleared() {
    panel?.forget();
    notes.clear();
    projects.forget();
    lingering.clear();
  },
});

function readProjectsAgain() {
  if (updateProjects && picture.visitor.known && picture.known) projects.read();
}

/* From a person */

const { notes, attempt } = presses({
  by: () => (!picture.visitor.signedIn && recall()) || undefined, // of somebody signed in the gateway knows it
  well: () => picture.liveness.well,
  came: picture.receive,
  noted(control) {
    if (control === "form" && notes.get("form").started) started(notes.get("form"));
    changed.add(control);
    overviewDue = true;
    list.note(notes.get(OLDER_BUILDS) ?? {});
    request();
  },
});

/** The form has done its work; its note says which build it was, for a while. */
function started(note) {
  sheet.close();
  setTimeout(() => notes.get("form") === note && notes.delete("form"), NOTED);
}

let reflecting; // the timer of the address

document.addEventListener("filter", ({ detail }) => {
  const watched = filters.watch;
  filters = detail;
  fits = matcher(filters);
  notes.delete(OLDER_BUILDS);
  const address = location.pathname + searchOf(filters);
  clearTimeout(reflecting);
  if (filters.watch !== watched) location.assign(address); // another question to the gateway
  else reflecting = setTimeout(() => history.replaceState(null, "", address), REFLECT);
  drawAll();
});

document.addEventListener("star", ({ detail: { project } }) => {
  if (!favourites.delete(project)) favourites.add(project);
  rememberFavourites(favourites);
  overviewDue = true;
  request(true);
});

document.addEventListener("show-older", () => attempt(OLDER_BUILDS, showOlder));

/** Read older builds, on and on while none of them fits the filters. */
async function showOlder() {
  let found = 0;
  let looked = 0;
  for (let page = 0; page < SEARCHED && found === 0; page += 1) {
    const before = cursor ?? oldestShown();
    const older = await olderBuilds({ project: place.project, before, limit: OLDER });
    limit += older.builds.length;
    looked += older.builds.length;
    found += older.builds.filter(fits).length;
    older.builds.forEach(picture.receive);
    cursor = older.next ?? undefined;
    picture.more = older.next !== null;
    if (!picture.more) break;
  }
  drawAll();
  return { found: activeOf(filters).length && !found ? `None of ${looked} older builds fits the filters.` : "" };
}

const oldestShown = () => {
  const ended = [...picture.builds.values()].filter(hasEnded);
  return ended.reduce((oldest, { build }) => (oldest === undefined || build < oldest ? build : oldest), undefined);
};

addEventListener("scroll", moved, { passive: true });
addEventListener("resize", moved);

/** Another part of the list is in the window. */
function moved() {
  replace = true;
  request(true);
}

/* Drawing */

const changed = new Set(); // keys of the builds to draw
let rearrange = true; // builds came, went or changed their places
let replace = true; // the window has moved over the list
let overviewDue = true; // what is said of all of them may have changed
let overviewAt = 0;
let limit = KEPT; // how many ended builds are kept
let ongoing = 0; // how many builds go on
let due = Infinity; // when the next build is no longer delayed

const isBusy = () => ongoing > FEW;
const request = drawings(draw, () => (isBusy() ? PACE : 0));

function drawAll() {
  rearrange = true;
  for (const key of list.drawnKeys()) changed.add(key);
  request();
}

/** What the components need besides the builds. */
function context() {
  const { liveness, visitor } = picture;
  return { now: picture.now(), live: liveness.live, workers: liveness.workers, rights: visitor.rights };
}

function draw() {
  const now = context();
  if (rearrange) arrange(now);
  if (replace) for (const key of list.place()) changed.add(key);
  replace = false;
  for (const key of changed) {
    const state = picture.builds.get(key);
    if (state) list.refresh(key, state, { ...now, note: notes.get(key) });
  }
  changed.clear();
  if (overviewDue && (!isBusy() || performance.now() - overviewAt >= TICK / 2)) showOverview(now);
}

function arrange({ now }) {
  prune();
  rearrange = false;
  replace = overviewDue = true;
  const order = arranged(picture.builds, { fits, lingering, now });
  ongoing = order.ongoing.length;
  due = order.due;
  document.body.toggleAttribute("data-busy", isBusy());
  const { refusal, trouble, known, visitor } = picture;
  const filtered = activeOf(filters).length > 0 && picture.builds.size > 0;
  const empty = emptyText(place, { refusal, trouble, pictured: known, visitor, filtered });
  list.arrange(order, { empty, refusal: refusalText(), older: picture.more && !filters.watch });
  list.note(notes.get(OLDER_BUILDS) ?? {});
}

/** Why the page is not let in, or what else was answered instead of a connection. */
function refusalText() {
  const shown = picture.known || picture.builds.size > 0; // else the empty list says it
  return picture.refusal || (shown && picture.answered ? picture.trouble : "");
}

function showHead(now) {
  updateHead({ ...now, known: picture.known, counts: countByStatus(picture.builds, now.now) });
}

function showOverview(now) {
  overviewDue = false;
  overviewAt = performance.now();
  const { builds, more, visitor } = picture;
  const { rights, signedIn } = visitor;
  showHead(now);
  updateBanners(bannersOf({ feed, live: now.live, operates: rights.operate }));
  const rows = projectRows(projects.listed(), builds, favourites, now.now);
  const names = rows.map(({ project }) => project);
  updateForm({ projects: names, offers: offers.now(), rights, signedIn, note: notes.get("form") });
  updateStarted(notes.get("form")?.started);
  sheet.show(place.project ? mayStart(rights, place.project) : startable(rights)?.length !== 0);
  updateProjects?.(rows, { ...now, notes });
  panel?.update({ ...now, builds, offers: offers.now(), notes });
  updateFilters({ ...countStates(builds.values(), filters), ...choicesIn(builds.values()), projects: names, more });
}

// A timer goes on in a hidden page, where nothing is drawn: the title stays true, and nothing piles up.
setInterval(() => {
  settle();
  prune();
  if (document.hidden) return showHead(context());
  for (const key of list.drawnKeys()) changed.add(key);
  overviewDue = true;
  request();
}, TICK);

/** Have builds that ended a while ago stand with the others that have, unless somebody is at them. */
function settle() {
  if (picture.now() >= due) rearrange = true;
  if (list.isPointedAt()) return;
  const focused = list.focusedCard();
  for (const [key, until] of lingering) {
    if (key === focused || until > performance.now()) continue;
    lingering.delete(key);
    rearrange = true;
  }
}

/** Drop the oldest of too many ended builds: “Show older builds” reads them from history again. */
function prune() {
  for (const key of beyond(picture.builds, limit)) {
    picture.builds.delete(key);
    picture.more = rearrange = true;
    cursor = undefined;
  }
}
