/**
 * Reads the output of one attempt, and goes on with it as it comes: what is recorded by ranges of bytes, and what is
 * printed now by the events `log`. The recorder is a moment behind these.
 */

import { logUrl, readLog } from "../api/log.js";
import { newBlocks } from "./blocks.js";
import { isCut, joint, leftOut } from "./places.js";

const TAIL = 64 * 1024; // bytes that are read of the end first
const MOST_WAITING = 4 * 1024 * 1024; // bytes of events that wait for a read

// In ms:
const SOON = 300; // the recorder has to store it first
const AGAIN = 1500; // once more, as the recorder may have been slower
const AFTER_END = [0, 700, 3000]; // when an output is read once more that has ended
const RETRY = [1000, 2000, 5000, 10_000];

const encoder = new TextEncoder();
const asText = (pieces) => {
  const decoder = new TextDecoder();
  return pieces.map((bytes) => decoder.decode(bytes, { stream: true })).join("");
};

/**
 * Reads the output of `attempt`, null for the newest that has any.
 *
 * Returns {blocks, tail, attempt, known, whole, alert, read, heard, ended, closed, textOf}:
 * blocks: see blocks.js · tail: blocks of the end alone, until all is read; else null · attempt: the one that it is of,
 * 0 while there is no output · known: something was answered · whole: all that was recorded has been read ·
 * alert: why it cannot be read, or "" · read(): look for more · heard(event): an event `log` came · ended(): the attempt
 * is over · close(): stop · textOf(index): a promise of the text of a block.
 *
 * Calls `hear.changed()` when any of it changed, and `hear.anew()` when lines that were there changed too.
 */
export function outputSource(place, attempt, hear) {
  const control = new AbortController();
  const source = {
    blocks: newBlocks(),
    tail: null,
    attempt: attempt ?? 0,
    known: false,
    whole: false,
    alert: "",
    read,
    heard,
    ended: () => AFTER_END.forEach((delay) => setTimeout(read, delay)),
    close: () => control.abort(),
    textOf,
  };
  let reached = null; // bytes of what was printed that are in the blocks, null while that is not known
  let missing = null; // how many bytes more were printed than are in the recorded text
  let fresh = []; // what was read since that was counted
  let recorded = 0; // bytes of the text that came from the history; behind them is what came by events
  let cut = false; // whether the history has more, and keeps it to itself until the attempt is over
  let waiting = []; // events that came during a read
  let waitingBytes = 0;
  let reading = false;
  let wanted = false; // another read, after this one
  let failures = 0;
  const timers = new Map();
  const fills = new Map(); // begin of a block that is read again → the promise of it
  read();
  return source;

  function url() {
    return logUrl(place, source.attempt);
  }

  async function read() {
    if (control.signal.aborted) return;
    wanted = true;
    if (reading) return;
    reading = true;
    while (wanted) {
      wanted = false;
      try {
        await readOn();
        failures = 0;
        source.alert = "";
      } catch (error) {
        if (control.signal.aborted) return;
        source.alert = error.message;
        [recorded, missing, fresh] = [source.blocks.size, null, []]; // it is gone on with from there
        if (!error.settled) later(read, RETRY[Math.min(failures++, RETRY.length - 1)]);
        else if (error.passing) later(read, Math.max(error.retryAfter, RETRY[0]));
      }
    }
    reading = false;
    source.known = true;
    takeWaiting();
    hear.changed();
  }

  /** Read what is missing. What came by events is kept where it stands at its place in the text for certain. */
  async function readOn() {
    const isEven = reached !== null && reached === source.blocks.size;
    if (!isEven) back(recorded);
    if (source.blocks.size === 0 && !source.tail) {
      if (await readTail()) return;
    }
    const from = source.blocks.size;
    const isFirst = source.tail !== null || source.blocks.count === 0;
    const { size, attempt: of, begin } = await readLog(url(), `${from}-`, take, control.signal);
    source.attempt ||= of;
    if (size < from || (begin !== from && begin !== size)) {
      back(size < recorded ? 0 : recorded); // the end has changed, as an output does that was cut
      wanted = true;
      return;
    }
    source.tail = null;
    settle(from);
    if (isFirst) hear.anew();
  }

  /** Read the end first. Returns whether that is all. */
  async function readTail() {
    const tail = newBlocks();
    const taken = [];
    const { size, attempt: of, begin } = await readLog(url(), `-${TAIL}`, (bytes) => taken.push(bytes), control.signal);
    source.attempt ||= of;
    source.known = true;
    if (begin === 0 || size === 0) {
      taken.forEach(take);
      settle(0);
      hear.anew();
      return true;
    }
    withoutHalfLine(taken).forEach(tail.append);
    source.tail = tail;
    hear.anew();
    return false;
  }

  function take(bytes) {
    if (source.blocks.size) fresh.push(bytes);
    source.blocks.append(bytes);
    hear.changed();
  }

  /** All that is recorded is there: find out how many printed bytes that is. */
  function settle(from) {
    source.whole = true;
    const isNews = source.blocks.size > from || reached === null;
    recorded = source.blocks.size;
    const texts = from === 0 || missing === null ? allTexts() : [asText(fresh)];
    fresh = [];
    if (!isNews) return;
    if (from === 0) missing = null;
    for (const text of texts) {
      missing = (missing ?? 0) + leftOut(text);
      if (text) cut = isCut(text);
    }
    reached = cut ? null : recorded + missing; // behind a cut nobody knows
  }

  function allTexts() {
    return Array.from({ length: source.blocks.blocks }, (_, i) => source.blocks.text(i) ?? "");
  }

  /** Forget what is behind byte `at` of the text. */
  function back(at) {
    if (at >= source.blocks.size) return;
    source.blocks.truncate(at);
    if (source.blocks.size < recorded) missing = null;
    recorded = Math.min(recorded, source.blocks.size);
    reached = null;
    hear.anew();
  }

  function heard(event) {
    if (event.attempt !== source.attempt && source.attempt) return;
    if (!reading && source.whole) return join(event);
    waitingBytes += event.content.length;
    if (waitingBytes < MOST_WAITING) waiting.push(event);
    else wanted = true;
  }

  function takeWaiting() {
    const events = waiting;
    [waiting, waitingBytes] = [[], 0];
    events.forEach(join);
  }

  function join(event) {
    const bytes = encoder.encode(event.content);
    let known = joint(event, bytes.length, reached);
    if (known === "gap" && cut && event.offset >= reached) known = 0; // of what is between, the history keeps no more
    if (known === "skip") return;
    if (known === "gap") {
      later(read, SOON);
      later(read, AGAIN, "again");
      return;
    }
    source.attempt ||= event.attempt;
    reached = event.offset + bytes.length;
    source.blocks.append(bytes.subarray(known));
    hear.changed();
  }

  function later(work, delay, name = "soon") {
    if (name === "soon" && timers.has(name)) return;
    clearTimeout(timers.get(name));
    const timer = setTimeout(() => {
      timers.delete(name);
      work();
    }, delay);
    timers.set(name, timer);
  }

  async function textOf(index) {
    const block = source.blocks.blockAt(index);
    if (!block.bytes) await fill(block);
    return source.blocks.text(index) ?? "";
  }

  function fill(block) {
    if (!fills.has(block.begin)) fills.set(block.begin, readBlock(block).then(() => fills.delete(block.begin)));
    return fills.get(block.begin);
  }

  async function readBlock(block) {
    const taken = [];
    const range = `${block.begin}-${block.begin + block.size - 1}`;
    try {
      await readLog(url(), range, (bytes) => taken.push(bytes), control.signal);
      const bytes = new Uint8Array(block.size);
      let at = 0;
      for (const each of taken) {
        bytes.set(each.subarray(0, block.size - at), at);
        at += each.length;
      }
      if (at >= block.size) source.blocks.fill(block, bytes);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY[1])); // then it may be asked for again
    }
  }
}

/** The pieces without what is before the first line end in them: the beginning of that line is not there. */
function withoutHalfLine(pieces) {
  for (let i = 0; i < pieces.length; i++) {
    const end = pieces[i].indexOf(10);
    if (end >= 0) return [pieces[i].subarray(end + 1), ...pieces.slice(i + 1)];
  }
  return [];
}
