/**
 * The link: what the page knows of its connection to a gateway. Pure; moments are ms of one clock.
 *
 * It is live while it is connected, keeps hearing, the broker is up, and the picture is whole: that
 * is, the snapshot has come that was asked for after the last trouble. Whatever may have hidden a
 * change is such a trouble: a new connection, silence, a broker that was down, a frozen page.
 *
 * connected · whole · known: a first snapshot came · ask: number of the snapshot that is awaited,
 * or null · asked: how many were asked for · askedAt · heardAt · liveAt: when it was live last ·
 * broker, recorderLag (ms): what the last `feed` said · frozen: by the browser · refusal: why the
 * gateway refused · patience: ms of silence after which a new connection is worth a try
 */

/** The gateway speaks every 5 s; two seconds of grace, and one until a page has noticed. */
const SILENCE = 7000;

/** Everyone hears the same silence: the patience differs, so that not all come back at once. */
const PATIENCE = 10_000;
const SPREAD = 5000;

const TROUBLE = { whole: false, ask: null };

export const newLink = (now) => ({
  ...TROUBLE,
  connected: false,
  known: false,
  asked: 0,
  askedAt: now,
  heardAt: now,
  liveAt: now,
  broker: "up",
  recorderLag: 0,
  frozen: false,
  refusal: null,
  patience: PATIENCE,
});

export const isSilent = (link, now) => now - link.heardAt >= SILENCE;

/** Whether the connection looks dead, though nobody closed it. */
export const isDead = (link, now) =>
  link.connected && !link.frozen && now - link.heardAt >= link.patience;

export const isLive = (link, now) =>
  link.connected &&
  link.whole &&
  link.broker === "up" &&
  !link.frozen &&
  !link.refusal &&
  !isSilent(link, now);

/** Whether a snapshot is to be asked for, to be live again. */
export const wantsSnapshot = (link, now) =>
  link.connected &&
  !link.whole &&
  link.ask === null &&
  link.broker === "up" &&
  !link.frozen &&
  !link.refusal &&
  !isSilent(link, now) &&
  !isDead(link, now);

/* What happens to it */

/** `random` is from 0 to 1. */
export const opened = (link, now, random) => ({
  ...link,
  ...TROUBLE,
  connected: true,
  heardAt: now,
  broker: "up", // until the first feed, which comes at once
  refusal: null,
  patience: PATIENCE + SPREAD * random,
});

export const closed = (link, now) => ({ ...lastLive(link, now), ...TROUBLE, connected: false });

/** Something came, whatever it was. */
export const heard = (link, now) => ({
  ...lastLive(link, now),
  ...(isSilent(link, now) ? TROUBLE : {}),
  heardAt: now,
});

/** A `feed` came. */
export function fed(link, { broker, recorder_lag_ms: recorderLag }, now) {
  // The gateway needs a while to notice that the broker is gone: that while was not live.
  if (broker === "down") return { ...link, ...TROUBLE, broker, recorderLag, heardAt: now };
  return { ...heard(link, now), broker, recorderLag };
}

export const asked = (link, now) => ({
  ...link,
  ask: link.asked + 1,
  asked: link.asked + 1,
  askedAt: now,
});

/** The snapshot of that number came. One that was asked for before a trouble proves nothing. */
export function answered(link, number, now) {
  const next = { ...heard(link, now), known: true, refusal: null };
  return next.ask === number ? { ...next, whole: true, ask: null } : next;
}

/** The snapshot of that number did not come in time. Without another sign of life, give up. */
export function unanswered(link, number) {
  if (link.ask !== number) return link;
  const dead = link.heardAt <= link.askedAt;
  return { ...link, ask: null, patience: dead ? 0 : link.patience };
}

/** `refusal` is null when nothing is refused any more. */
export const refused = (link, refusal) => ({ ...link, ...TROUBLE, refusal });

export const froze = (link, now) => ({ ...lastLive(link, now), ...TROUBLE, frozen: true });

export const resumed = (link) => ({ ...link, frozen: false });

const lastLive = (link, now) => (isLive(link, now) ? { ...link, liveAt: now } : link);
