/** States of builds for the tests. */

export const stateOf = (changes = {}) => ({
  project: "acme",
  build: "b1",
  kind: "progress",
  status: "running",
  running: true,
  progress: 40,
  errors: 0,
  error: null,
  attempt: 1,
  seq: 4,
  worker: "w1",
  by: "ada",
  priority: "normal",
  script: { seconds: 10, steps: 10, errors: [70] },
  stopping: false,
  stoppedBy: null,
  ahead: null,
  lost: false,
  published: "2026-11-21T10:15:00.000Z",
  queued: "2026-11-21T10:14:55.000Z",
  notBefore: null,
  started: "2026-11-21T10:14:56.000Z",
  ended: null,
  ...changes,
});

export const mapOf = (...states) =>
  new Map(states.map((one) => [`${one.project}/${one.build}`, one]));
