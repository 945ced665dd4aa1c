// @ts-check

/**
 * The link: the state of the page's connection to a gateway. Pure; moments are ms of one clock.
 *
 * The link is live while it is connected and not silent, the broker is up, and the picture is whole:
 * the snapshot that was asked for after the last trouble has come. A trouble is anything that may
 * have hidden a change: a new connection, silence, a broker that was down, a frozen page.
 *
 * connected · whole · known: a first snapshot came · ask: number of the snapshot that is awaited,
 * or null · asked: how many were asked for · missed: how many in a row did not come · askedAt · heardAt ·
 * liveAt: when it was live last · feed: the last `feed` · frozen: by the browser · refusal: why the
 * gateway refused · patience: ms of silence after which the page makes a new connection
 */

/** @import { Feed, Link } from "../types" */

/** Silence, in ms, after which the page is not live: the gateway sends `feed` every 5 s. */
const SILENCE = 7000;

/**
 * The least patience, and how much is added at random, in ms. All pages of a gateway fall silent in
 * the same moment, and must not all connect again in the same moment.
 */
const PATIENCE = 10_000;
const SPREAD = 5000;

/** So many snapshots that do not come, one after the other: nothing of what the page sends arrives. */
const DEAF = 3;

const TROUBLE = { whole: false, ask: null };

/**
 * What the page believes until the first `feed`, which comes at once.
 *
 * @type {Feed}
 */
const UNKNOWN = { broker: "up", commands: "up", history: "up", workers: null, recorder_lag_ms: 0 };

/** @type {(now: number) => Link} */
export const newLink = (now) => ({
  ...TROUBLE,
  connected: false,
  known: false,
  asked: 0,
  missed: 0,
  askedAt: now,
  heardAt: now,
  liveAt: now,
  feed: UNKNOWN,
  frozen: false,
  refusal: null,
  patience: PATIENCE,
});

/** @type {(link: Link, now: number) => boolean} */
export const isSilent = (link, now) => now - link.heardAt >= SILENCE;

/**
 * Whether the connection looks dead, though nobody closed it.
 *
 * @type {(link: Link, now: number) => boolean}
 */
export const isDead = (link, now) =>
  link.connected && !link.frozen && now - link.heardAt >= link.patience;

/** @type {(link: Link, now: number) => boolean} */
export const isLive = (link, now) =>
  link.connected &&
  link.whole &&
  link.feed.broker === "up" &&
  !link.frozen &&
  !link.refusal &&
  !isSilent(link, now);

/**
 * Whether the page needs a new snapshot to be live again.
 *
 * @type {(link: Link, now: number) => boolean}
 */
export const wantsSnapshot = (link, now) =>
  link.connected &&
  !link.whole &&
  link.ask === null &&
  link.feed.broker === "up" &&
  !link.frozen &&
  !link.refusal &&
  !isSilent(link, now) &&
  !isDead(link, now);

/* Events: each returns the link after it */

/**
 * `random` is from 0 to 1.
 *
 * @type {(link: Link, now: number, random: number) => Link}
 */
export const opened = (link, now, random) => ({
  ...link,
  ...TROUBLE,
  connected: true,
  heardAt: now,
  feed: UNKNOWN,
  missed: 0,
  refusal: null,
  patience: PATIENCE + SPREAD * random,
});

/** @type {(link: Link, now: number) => Link} */
export const closed = (link, now) => ({ ...lastLive(link, now), ...TROUBLE, connected: false });

/**
 * A message came.
 *
 * @type {(link: Link, now: number) => Link}
 */
export const heard = (link, now) => ({
  ...lastLive(link, now),
  ...(isSilent(link, now) ? TROUBLE : {}),
  heardAt: now,
});

/**
 * A `feed` came.
 *
 * @type {(link: Link, news: Partial<Feed>, now: number) => Link}
 */
export const fed = (link, news, now) => {
  const feed = { ...UNKNOWN, ...news };
  // The gateway notices only after 3 s that the broker is gone, so `liveAt` stays where it was.
  if (feed.broker === "down") return { ...link, ...TROUBLE, feed, heardAt: now };
  return { ...heard(link, now), feed };
};

/** @type {(link: Link, now: number) => Link} */
export const asked = (link, now) => ({
  ...link,
  ask: link.asked + 1,
  asked: link.asked + 1,
  askedAt: now,
});

/**
 * Snapshot `number` came. If it was asked for before the last trouble, the picture is not whole.
 *
 * @type {(link: Link, number: number, now: number) => Link}
 */
export const answered = (link, number, now) => {
  const next = { ...heard(link, now), known: true, missed: 0, refusal: null };
  return next.ask === number ? { ...next, whole: true, ask: null } : next;
};

/**
 * Snapshot `number` did not come in time. If nothing else came either, or it was one of several, the
 * connection is dead.
 *
 * @type {(link: Link, number: number) => Link}
 */
export const unanswered = (link, number) => {
  if (link.ask !== number) return link;
  const missed = link.missed + 1;
  const dead = link.heardAt <= link.askedAt || missed >= DEAF;
  return { ...link, ask: null, missed, patience: dead ? 0 : link.patience };
};

/**
 * The gateway refused; `refusal` is null when it no longer does.
 *
 * @type {(link: Link, refusal: string | null) => Link}
 */
export const refused = (link, refusal) => ({ ...link, ...TROUBLE, refusal });

/** @type {(link: Link, now: number) => Link} */
export const froze = (link, now) => ({ ...lastLive(link, now), ...TROUBLE, frozen: true });

/** @type {(link: Link) => Link} */
export const resumed = (link) => ({ ...link, frozen: false });

/** @type {(link: Link, now: number) => Link} */
const lastLive = (link, now) => (isLive(link, now) ? { ...link, liveAt: now } : link);
