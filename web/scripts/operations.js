/** The page for operators: asks how the parts are while it is looked at, and shows it. */

import { readDead, readOperations } from "./api/api.js";
import { connectionStatus } from "./live/connection-status.js";
import { letterList } from "./operations/letter-list.js";
import { operationsView } from "./operations/operations-view.js";
import { statusOf } from "./operations/status.js";
import { headerElements } from "./page/header.js";
import { partsOf, setHidden, setText } from "./page/render.js";
import { UNKNOWN, visits } from "./person/visitor.js";

const EVERY = 3000; // ms between two questions

const at = (id) => document.getElementById(id);
const parts = partsOf(at("operations"));
const elements = headerElements();
const showStatus = connectionStatus(elements.status);
const showView = operationsView(parts);
const letters = letterList(parts, { changed: askForDead });

let visitor = UNKNOWN;
let known = null; // the newest answer
let answeredAt = null; // when it came, ms since 1970
let failure = ""; // why there was none since
let asking = false;
let question = 0; // of letters: only the answer to the newest counts
let dead; // how many starts were given up when they were asked for

const session = visits(elements, (next, entered) => {
  const other = visitor.known && visitor.identity !== next.identity;
  visitor = next;
  if (other) forget();
  if (entered || !known) ask();
  show();
});

/** What was shown is for somebody else. */
function forget() {
  known = answeredAt = null;
  dead = undefined;
  letters.forget();
}

async function ask() {
  if (asking || document.hidden || !visitor.known) return;
  if (!visitor.rights.operate) return show();
  asking = true;
  const asker = visitor.identity;
  try {
    const answer = await readOperations();
    if (visitor.identity === asker) {
      known = answer;
      answeredAt = Date.now();
      failure = "";
    }
  } catch (error) {
    failure = error.message;
    if (answeredAt === null || !visitor.known) session.check();
  }
  asking = false;
  show();
  if (known && known.dead !== dead) askForDead();
}

/** The letters are read only when their number has changed: that takes each of them from its queue for a moment. */
async function askForDead() {
  dead = known?.dead;
  question += 1;
  const own = question;
  try {
    const answer = await readDead();
    if (own === question) letters.update(answer, visitor.rights);
  } catch (error) {
    letters.failed(error.message);
    dead = undefined; // the next answer asks again
  }
}

function show() {
  const { rights } = visitor;
  const may = visitor.known && rights.operate;
  showStatus(statusOf({ visitor, answeredAt, failure }, Date.now()));
  setHidden(parts.rooms, !known || !may);
  setText(parts.empty, known && may ? "" : emptyText(may));
  if (!known || !may) return;
  showView(known, { stale: failure !== "", time: Date.now() });
}

function emptyText(may) {
  if (!visitor.known) return "Waiting for the gateway…";
  if (may) return failure || "Waiting for the gateway…";
  if (!visitor.signedIn) return "Operators see this page: sign in with a token that has the grant operate.";
  return "This page is for operators. Your token lacks the grant operate: ask whoever runs this Buildfeed for it.";
}

setInterval(ask, EVERY);
document.addEventListener("visibilitychange", ask);
document.body.dataset.page = "operations"; // the page has started
document.body.dataset.pictured = "";
