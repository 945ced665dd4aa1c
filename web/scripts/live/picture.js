/** The picture: the newest state of every build that a page watches, and who looks at it. */

import { afterSnapshot, countChanged, fold, keyOf } from "../builds/builds.js";
import { newest } from "../api/newest.js";
import { comforts } from "../comfort/comforts.js";
import { headerElements, showOperations } from "../page/header.js";
import { mayDoEverything, mayRead } from "../person/grants.js";
import { UNKNOWN, visits } from "../person/visitor.js";
import { NOT_SIGNED_IN } from "../person/who.js";
import { moment } from "../text/time.js";
import { connectionStatus } from "./connection-status.js";
import { follow } from "./follow.js";
import { caughtUpText } from "./liveness.js";

// In ms:
const CAUGHT_UP = 20_000; // how long the page says what changed while it was not live
const FLICKER = 3000; // live for less than this counts as not live all along
const FIRST_PICTURE = 1000; // after this the page is shown without a snapshot

/**
 * Watch `filters`, one MQTT filter or several, and say in the header how live the picture is, and who looks.
 *
 * Returns the picture, which changes as news come:
 * builds: a Map of the key of a build to its state · more: whether there are older builds · known: a snapshot has
 * come · visitor: who looks (visitor.js) · liveness: see liveness.js · refusal, trouble: why the gateway lets the page
 * not in, and why else there is no connection; sentences or "" · answered: whether something said that trouble ·
 * recoveries: how often all was well again · now(): the gateway's time, in ms · receive(state): a state came by
 * another way.
 *
 * Calls `hear.build(key, before, after)` for a new state, `before` undefined for a new build; `hear.all()` when all may
 * have changed, after `hear.snapshot()` if by a snapshot; `hear.visitor(visitor)`; `hear.cleared()` when it was for somebody else and is empty now;
 * `hear.well(returned)` while all is well, `returned`: it was not so until now; `hear.workers()` when their number
 * changed; `hear.feed(feed)`; `hear.log(event)` for lines of the output of a build, where a filter asks for them.
 */
export function followed(filters, hear) {
  const elements = headerElements();
  const picture = {
    builds: new Map(),
    more: false,
    known: false,
    visitor: UNKNOWN,
    liveness: { live: false, well: false, workers: null },
    refusal: "",
    trouble: "",
    answered: false,
    recoveries: -1,
    now: () => Date.now() + clockOffset,
    receive,
  };
  const heard = new Set(); // keys of the builds that came since the connection began
  let shownTo = null; // the identity of the one for whom the picture is
  let shut = false; // whether the gateway refuses the connection, or what it is for
  let away = null; // the builds as they were when the page stopped being live
  let returned = -FLICKER; // when it was live again
  let caughtUp = ""; // the sentence about what changed, shown for CAUGHT_UP
  let forgetting; // the timer that takes it away
  let clockOffset = 0; // of the gateway, in ms
  let early = true; // whether what was asked for at first is for who looks
  const updateStatus = connectionStatus(elements.status);
  const comfort = comforts(picture);

  // A first picture comes by a request: a connection takes longer.
  newest([filters].flat()[0]).then((states) => {
    if (!early || picture.known) return;
    states.forEach(receive);
    if (states.length && picture.visitor.known) showPage();
  });

  const connection = follow([filters].flat(), {
    opened() {
      heard.clear();
      if (shut) session.check();
      else if (picture.visitor.known && !isAtHome()) session.came(); // what it was may be over
      shut = false;
    },
    snapshot(snapshot) {
      const { builds } = picture;
      picture.builds = afterSnapshot(builds, snapshot, heard);
      for (const [key, state] of picture.builds) {
        if (builds.get(key) !== state) comfort.build(builds.get(key), state);
      }
      picture.more = snapshot.more;
      picture.known = true;
      if (picture.visitor.known) showPage();
      picture.refusal = picture.trouble = "";
      hear.snapshot?.();
      comfort.changed();
      hear.all();
    },
    build: receive,
    log: (event) => hear.log?.(event),
    feed(feed) {
      clockOffset = (moment(feed.time) ?? Date.now()) - Date.now();
      hear.feed?.(feed);
    },
    liveness(next) {
      const before = picture.liveness;
      picture.liveness = next;
      if (before.live !== next.live) comeOrGo();
      else if (before.workers !== next.workers) hear.all();
      if (before.workers !== next.workers) hear.workers?.();
      if (next.well) {
        if (!before.well) picture.recoveries += 1;
        hear.well?.(!before.well);
      }
      updateStatus({ ...next, detail: next.detail || caughtUp });
    },
    refused(message, code) {
      shut = true;
      picture.refusal = code === NOT_SIGNED_IN ? "" : message;
      if (code === NOT_SIGNED_IN) session.need();
      hear.all();
    },
    troubled(message, answered) {
      Object.assign(picture, { refusal: "", trouble: message, answered });
      hear.all();
    },
  });

  const session = visits(elements, (next, entered) => {
    picture.visitor = next;
    const { rights, identity } = next;
    showOperations(rights);
    const other = shownTo !== null && shownTo !== identity;
    connection.is(identity);
    if (mayRead(rights)) {
      if (other) clear();
      if (other || entered) connection.again(identity);
      shownTo = identity;
    } else if (other && next.isOut) {
      clear(); // else it waits until somebody signs in again, as it was
    }
    if (picture.known || picture.builds.size || next.why) showPage();
    hear.visitor(next);
    hear.all();
  });

  /** Whether everybody may do everything here, so that nobody has to be asked for. */
  const isAtHome = () => !picture.visitor.signedIn && mayDoEverything(picture.visitor.rights);

  /** The picture was for somebody else. */
  function clear() {
    picture.builds = new Map();
    picture.known = false;
    shownTo = away = null;
    early = false;
    hear.cleared?.();
  }

  /** Handle a change of `liveness.live`; on return, say what changed since the page was live. */
  function comeOrGo() {
    clearTimeout(forgetting);
    caughtUp = "";
    if (!picture.liveness.live) {
      if (performance.now() - returned >= FLICKER) away = new Map(picture.builds);
    } else if (away) {
      returned = performance.now();
      caughtUp = caughtUpText(countChanged(away, picture.builds));
      forgetting = setTimeout(() => (caughtUp = ""), CAUGHT_UP);
    }
    hear.all();
  }

  function receive(state) {
    const key = keyOf(state);
    const before = picture.builds.get(key);
    const after = fold(before, state);
    heard.add(key);
    if (after === before) return;
    picture.builds.set(key, after);
    comfort.build(before, after);
    hear.build(key, before, after);
  }

  setTimeout(showPage, FIRST_PICTURE);
  return picture;
}

const showPage = () => (document.body.dataset.pictured = "");
