/** When the page draws: at most once a frame, more seldom where much moves, and not at all while nobody sees it. */

/**
 * Returns `request(urgent)`, which has `draw()` called soon. `pause()` is how many ms are to pass between two drawings, 0
 * for every frame; what is urgent is drawn in the next frame all the same. Frames stop in a hidden page, so what is
 * requested there is drawn when somebody looks again.
 */
export function drawings(draw, pause) {
  let asked = false; // for the next frame
  let timer = 0;
  let last = -Infinity;

  function run() {
    asked = false;
    last = performance.now();
    draw();
  }

  function askFrame() {
    clearTimeout(timer);
    timer = 0;
    asked = true;
    requestAnimationFrame(run);
  }

  return function request(urgent = false) {
    if (asked) return;
    const rest = urgent ? 0 : last + pause() - performance.now();
    if (rest <= 0) askFrame();
    else if (!timer) timer = setTimeout(askFrame, rest);
  };
}
