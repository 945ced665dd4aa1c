// @ts-check

/**
 * The choice of a transport for the next connection. Pure.
 *
 * Some proxies let a WebSocket open and keep to themselves what is sent on it; some hold back requests
 * that poll. Such a transport is *mute*. No error tells so, hence the page tries the other one. A gateway
 * that stands still is mute by both, so a transport is blamed only once the other was heard.
 *
 * first: which one is tried first · suspect: the one that was mute, until any is heard · doubts: how
 * often WebSockets were to blame, since one of them lasted.
 */

/** @import { Choice, KeptChoice, Transport } from "../types" */

/** From so many doubts on, a connection that polls does not try to become a WebSocket. */
const GIVEN_UP = 2;

/** How long a choice is remembered, in ms: the next time may be in another network. */
const REMEMBERED = 3_600_000;

/**
 * `kept` is what `kept(choice, now)` gave at an earlier visit, or null.
 *
 * @type {(kept: KeptChoice | null, now: number) => Choice}
 */
export function newChoice(kept, now) {
  const { doubts = 0, until = 0 } = kept ?? {};
  const counts = doubts > 0 && until > now && until <= now + REMEMBERED;
  return { first: counts ? "polling" : "websocket", suspect: null, doubts: counts ? doubts : 0 };
}

/**
 * What to keep for later visits, null when there is nothing.
 *
 * @type {(choice: Choice, now: number) => KeptChoice | null}
 */
export const kept = ({ doubts }, now) => (doubts ? { doubts, until: now + REMEMBERED } : null);

/**
 * The options of the client for the next connection.
 *
 * @type {(choice: Choice) => { transports: Transport[], upgrade: boolean }}
 */
export function optionsOf({ first, doubts }) {
  /** @type {Transport[]} */
  const transports = first === "polling" ? ["polling", "websocket"] : ["websocket", "polling"];
  return { transports, upgrade: doubts < GIVEN_UP };
}

/* Events: each returns the choice after it */

/**
 * Nothing came by `transport`, or nothing arrived that was sent by it.
 *
 * @type {(choice: Choice, transport: Transport) => Choice}
 */
export const mute = (choice, transport) => ({
  ...choice,
  first: transport === "polling" ? "websocket" : "polling",
  suspect: transport,
});

/**
 * An answer came by `transport`.
 *
 * @type {(choice: Choice, transport: Transport) => Choice}
 */
export function heard(choice, transport) {
  const { suspect, doubts } = choice;
  if (suspect === null) return choice;
  const blamed = suspect === "websocket" && transport === "polling";
  return { ...choice, suspect: null, doubts: doubts + Number(blamed) };
}

/**
 * The connection by `transport` has lasted.
 *
 * @type {(choice: Choice, transport: Transport) => Choice}
 */
export const lasted = (choice, transport) =>
  transport === "websocket" ? { first: "websocket", suspect: null, doubts: 0 } : choice;
