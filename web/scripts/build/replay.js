/** Plays a finished build again: its bar, its errors and its output as they came, up to 30 times as fast. */

import { partsOf, setAttribute, setDisabled, setHidden, setText } from "../page/render.js";
import { frameAt, lengthOf, NOTHING } from "./recording.js";
import { readRecording } from "./replay-reader.js";

/**
 * Returns {update, stop}: `update(shown)` says whether there is something to be played; `stop()` shows the build as it
 * is. Calls `hear(frame)` (recording.js) when another one is seen, null for the build as it is.
 */
export function replay(element, place, hear) {
  const parts = partsOf(element);
  let recording = NOTHING;
  let whole = false;
  let asked = false;
  let playing = false;
  let position = 0; // ms
  let last = 0; // when it was drawn last
  let seen = null;

  parts.play.addEventListener("click", () => {
    if (!asked) read();
    if (playing) return pause();
    if (whole && position >= lengthOf(recording)) position = 0;
    play();
  });
  parts.position.addEventListener("input", () => {
    position = Number(parts.position.value);
    show();
  });
  parts.close.addEventListener("click", () => {
    stop();
    parts.play.focus();
  });

  return {
    update(shown) {
      setHidden(element, !shown);
      if (!shown) stop();
    },
    stop,
  };

  async function read() {
    asked = true;
    setText(parts.trouble, "");
    try {
      await readRecording(place, (next, isWhole) => {
        [recording, whole] = [next, isWhole];
        if (!playing) show();
      });
    } catch (error) {
      asked = false;
      pause();
      setText(parts.trouble, error.message);
    }
  }

  function play() {
    playing = true;
    last = performance.now();
    requestAnimationFrame(tick);
    showControls();
  }

  function pause() {
    playing = false;
    showControls();
  }

  function stop() {
    if (!playing && !seen && position === 0) return;
    [playing, position, seen] = [false, 0, null];
    hear(null);
    showControls();
  }

  function tick(now) {
    if (!playing) return;
    const end = lengthOf(recording);
    if (recording.frames.length) position = Math.min(position + Math.max(now - last, 0) * Number(parts.speed.value), end);
    last = now;
    show();
    if (whole && position >= end) return pause();
    requestAnimationFrame(tick);
  }

  function show() {
    const frame = frameAt(recording, position);
    if (frame && frame !== seen) {
      seen = frame;
      hear(frame);
    }
    showControls();
  }

  function showControls() {
    const end = lengthOf(recording);
    const isOpen = playing || seen !== null;
    setHidden(parts.controls, !isOpen);
    element.toggleAttribute("data-open", isOpen);
    setText(parts.play, playing ? "Pause" : isOpen ? "Play" : "Replay");
    setAttribute(parts.position, "max", Math.ceil(end));
    setDisabled(parts.position, end === 0);
    const rounded = Math.floor(position / 100) * 100;
    if (Number(parts.position.value) !== rounded) parts.position.value = rounded;
    const said = `${played(position)} of ${played(end)}`;
    setText(parts.time, said);
    setAttribute(parts.position, "aria-valuetext", said);
  }
}

/** "0:07", "12:40", "1:02:03". */
export function played(length) {
  const seconds = Math.floor(length / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = two(seconds % 60);
  return hours ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
