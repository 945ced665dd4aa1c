/**
 * The text of an output as blocks of whole lines. Pure.
 *
 * An output may have 16 MiB and more, so it stays what it came as, bytes; a line becomes a string when it is asked for.
 * Lines count from 0 here. Behind the last block there is the open one, to which the text is added.
 */

import { PLAIN, styleAfter } from "../text/ansi.js";

const CUT = 64 * 1024; // bytes from which the open block is closed, at its last line end
const KEPT = 32 * 1024 * 1024; // bytes that are kept of all blocks
const DECODED = 8; // blocks that are kept as strings
const LINE_END = 10;
const ESCAPE = 0x1b;

/**
 * Blocks without a text.
 *
 * A block is {begin, size, line, lines, bytes, style}: its place in bytes and in lines, and the style of a terminal in
 * which it begins. `bytes` is null where it was dropped, as too much was kept: `fill` gives it back.
 */
export function newBlocks({ cut = CUT, kept = KEPT } = {}) {
  let closed = [];
  let open = { begin: 0, line: 0, style: PLAIN, lines: 0, size: 0, buffer: new Uint8Array(2 * cut) };
  let keptBytes = 0;
  let oldest = 0; // of the closed blocks the one that is dropped next
  const decoded = new Map(); // begin of a block → {lines, styles}; the one used last behind the others

  return {
    /** How many bytes there are. */
    get size() {
      return open.begin + open.size;
    },
    /** How many lines there are; the last one may go on. */
    get count() {
      return open.line + open.lines + (endsOpen() ? 1 : 0);
    },
    /** How many blocks there are, with the open one. */
    get blocks() {
      return closed.length + 1;
    },
    append,
    truncate,
    line,
    text,
    blockAt,
    indexOf,
    fill,
  };

  function append(bytes) {
    if (open.size + bytes.length > open.buffer.length) grow(open.size + bytes.length);
    open.buffer.set(bytes, open.size);
    open.size += bytes.length;
    open.lines += countLines(bytes);
    decoded.delete(open.begin);
    if (open.size >= cut) close();
  }

  function grow(least) {
    const buffer = new Uint8Array(Math.max(least, 2 * open.buffer.length));
    buffer.set(open.buffer.subarray(0, open.size));
    open.buffer = buffer;
  }

  /** Close what of the open block ends with a line; the rest of a line stays open. */
  function close() {
    const end = open.buffer.lastIndexOf(LINE_END, open.size - 1) + 1;
    if (end === 0) return;
    const { begin, line, lines, style } = open;
    const bytes = open.buffer.slice(0, end);
    const rest = open.buffer.slice(end, open.size);
    closed.push({ begin, size: end, line, lines, bytes, style });
    const next = bytes.indexOf(ESCAPE) < 0 ? style : styleAfter(asText(bytes), style);
    const buffer = rest.length <= 2 * cut ? new Uint8Array(2 * cut) : new Uint8Array(2 * rest.length);
    buffer.set(rest);
    open = { begin: begin + end, line: line + lines, style: next, lines: 0, size: rest.length, buffer };
    decoded.delete(begin);
    keptBytes += end;
    drop();
  }

  /** Drop the bytes of old blocks, but not of the last one. */
  function drop() {
    while (keptBytes > kept && oldest < closed.length - 1) {
      const block = closed[oldest++];
      if (!block.bytes) continue;
      keptBytes -= block.size;
      block.bytes = null;
    }
  }

  /** Forget the text from byte `size` on, or from a little before it; `size` says where it ends then. */
  function truncate(size) {
    if (size >= open.begin + open.size) return;
    decoded.clear();
    if (size >= open.begin) return reopen(open, open.buffer.slice(0, size - open.begin));
    let last;
    do {
      last = closed.pop();
      if (last.bytes) keptBytes -= last.size;
    } while (last.begin > size);
    oldest = Math.min(oldest, closed.length);
    reopen(last, last.bytes ? last.bytes.slice(0, size - last.begin) : new Uint8Array(0));
  }

  function reopen({ begin, line, style }, bytes) {
    open = { begin, line, style, lines: 0, size: 0, buffer: new Uint8Array(2 * cut) };
    append(bytes);
  }

  /** {text, style} of a line; undefined where there is none, or its block was dropped. */
  function line(number) {
    if (!(number >= 0)) return undefined;
    const index = indexOf(number);
    const { line: first, begin, style } = blockAt(index);
    const found = decoded.get(begin) ?? decode(index, begin, style);
    if (!found || number - first >= found.lines.length) return undefined;
    decoded.delete(begin);
    decoded.set(begin, found);
    return { text: found.lines[number - first], style: found.styles ? found.styles[number - first] : style };
  }

  function decode(index, begin, style) {
    const written = text(index);
    if (written === undefined) return undefined;
    const lines = written.split("\n");
    if (lines[lines.length - 1] === "") lines.pop();
    let styles = null;
    if (written.includes("\x1b")) {
      styles = [];
      for (const each of lines) {
        styles.push(style);
        style = styleAfter(each, style);
      }
    }
    decoded.set(begin, { lines, styles });
    if (decoded.size > DECODED) decoded.delete(decoded.keys().next().value);
    return decoded.get(begin);
  }

  /** The text of the block `index`; undefined where it was dropped. */
  function text(index) {
    const { bytes } = blockAt(index);
    return bytes ? asText(bytes) : undefined;
  }

  function blockAt(index) {
    if (index < closed.length) return closed[index];
    return { ...open, bytes: open.buffer.subarray(0, open.size) };
  }

  /** Give a block that was dropped its bytes again. */
  function fill(block, bytes) {
    if (block.bytes || bytes.length !== block.size) return;
    block.bytes = bytes;
    keptBytes += block.size;
    oldest = oldest >= closed.length - 1 ? 0 : oldest;
    drop();
  }

  /** The index of the block in which a line is. */
  function indexOf(number) {
    if (number >= open.line) return closed.length;
    let [low, high] = [0, closed.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (closed[middle].line <= number) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function endsOpen() {
    return open.size > 0 && open.buffer[open.size - 1] !== LINE_END;
  }
}

const decoder = new TextDecoder();
const asText = (bytes) => decoder.decode(bytes);

function countLines(bytes) {
  let count = 0;
  for (let at = bytes.indexOf(LINE_END); at >= 0; at = bytes.indexOf(LINE_END, at + 1)) count += 1;
  return count;
}
