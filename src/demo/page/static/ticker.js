// What moves, and whether it may.

const stillness = matchMedia('(prefers-reduced-motion: reduce)');

/** Whether the user asked for less motion. */
export function still() {
  return stillness.matches;
}

/**
 * Calls back for every frame, or once a second where motion is to be reduced.
 *
 * @param {() => void} draw
 */
export function eachFrame(draw) {
  draw();
  const again = () => eachFrame(draw);
  if (still()) setTimeout(again, 1000);
  else requestAnimationFrame(again);
}
