// Calls back for animations, and knows whether they are wanted.

const stillness = matchMedia('(prefers-reduced-motion: reduce)');

/** Returns whether the user asked for less motion. */
export function still() {
  return stillness.matches;
}

/**
 * Calls back for every frame, or once a second if the user asked for less motion.
 *
 * @param {() => void} draw
 */
export function eachFrame(draw) {
  draw();
  const again = () => eachFrame(draw);
  if (still()) setTimeout(again, 1000);
  else requestAnimationFrame(again);
}
