/** What the workers that are online can run, of what one may start: which choices the form has. */

const ASK_AGAIN = 3000; // ms between two questions while somebody fills the form

export const PRETEND = "(pretend)"; // the choice of a fake build, which no job can be called
const DEFAULT = "default"; // the job of a start that names none

/** What counts until the first answer: the form is not to change under somebody's hand where builds are fake. */
export const UNKNOWN = { jobs: [], scripts: true, more: false };

/** What counts after an answer: while no worker is online, what was offered before stays to choose from. */
export const known = (before, answer) =>
  before === UNKNOWN || answer.jobs.length || answer.scripts ? answer : before;

/** The names of the projects that have jobs, in order. */
export const projectsWithJobs = ({ jobs }) => [...new Set(jobs.map(({ project }) => project))];

/** The choices for a start of `project`: names of jobs, the default one first, and PRETEND for a fake build. */
export function choicesOf({ jobs, scripts }, project) {
  const names = jobs.filter((offered) => offered.project === project).map(({ job }) => job);
  names.sort((a, b) => (b === DEFAULT) - (a === DEFAULT));
  return scripts ? [...names, PRETEND] : names;
}

/** The names of the parameters of a job. */
export const parametersOf = ({ jobs }, project, job) =>
  jobs.find((offered) => offered.project === project && offered.job === job)?.parameters ?? [];

/**
 * Asks what is offered: `read()` is a promise of it. Returns {now, ask, hurry}: `now()` is what is known, `ask()` asks,
 * `hurry()` too, unless that was a moment ago. Calls `changed()` after each answer.
 */
export function offersOf(read, changed) {
  let offers = UNKNOWN;
  let asked = -ASK_AGAIN;

  async function ask() {
    asked = performance.now();
    try {
      offers = known(offers, await read());
      changed();
    } catch {
      // what is known stays; the start itself will say what is wrong
    }
  }

  return {
    now: () => offers,
    ask,
    hurry: () => performance.now() - asked >= ASK_AGAIN && ask(),
  };
}
