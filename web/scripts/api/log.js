/** Reads the output of a build in ranges of its bytes. */

import { buildUrl, errorOf, parsed, unreachable } from "./api.js";

const SILENCE = 15_000; // ms without a byte after which a read is given up
const NO_RANGE = 416;

/** The address of the output of an attempt, null for the newest one that has any. */
export const logUrl = (place, attempt) => `${buildUrl(place)}/log${attempt ? `?attempt=${attempt}` : ""}`;

/**
 * Read `range`, as "0-" or "-65536", of the output at `url`; calls `take(bytes)` with what comes, as it comes.
 *
 * Returns {size, begin, attempt}: how long the whole output is, where the range began, and which attempt it is of (0:
 * none has any). Of a range in which there is nothing, nothing is taken. Throws ApiError. `signal` ends it.
 */
export async function readLog(url, range, take, signal) {
  const control = new AbortController();
  const abort = () => control.abort();
  signal?.addEventListener("abort", abort);
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(abort, SILENCE);
  };
  wait();
  try {
    const answer = await fetch(url, {
      headers: { Range: `bytes=${range}` },
      cache: "no-store",
      redirect: "manual",
      signal: control.signal,
    });
    if (isEmpty(answer) || isOutput(answer)) {
      const told = toldBy(answer);
      if (answer.ok) await takeAll(answer, take, wait);
      return told;
    }
    const { ok, status, statusText: reason } = answer;
    throw errorOf({ ok, status, reason, retryAfter: 0, json: parsed(await answer.text()) }, url);
  } catch (error) {
    throw error.settled === undefined ? unreachable() : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** Whether nothing is in the range. */
const isEmpty = ({ status, headers }) => status === NO_RANGE && headers.has("Content-Range");

/** Whether it is the gateway's: a proxy answers with a page of its own. */
const isOutput = ({ ok, headers }) =>
  ok && /^text\/plain/.test(headers.get("Content-Type") ?? "") && headers.has("Content-Location");

function toldBy({ headers, status }) {
  const [, begin = 0, size = headers.get("Content-Length") ?? 0] =
    (headers.get("Content-Range") ?? "").match(/(?:(\d+)-\d+|\*)\/(\d+)/) ?? [];
  const [, attempt = 0] = (headers.get("Content-Location") ?? "").match(/attempt=(\d+)/) ?? [];
  return { size: Number(size), begin: status === NO_RANGE ? Number(size) : Number(begin), attempt: Number(attempt) };
}

async function takeAll(answer, take, wait) {
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    wait();
    take(value);
  }
}
