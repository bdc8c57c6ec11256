// Times in words.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A number stays with its unit, and both with what follows. */
const SPACE = '\u00A0';

/**
 * Returns a duration in at most two units: `3 h 20 min`.
 *
 * @param {number} duration In milliseconds
 */
export function durationText(duration) {
  if (duration < MINUTE) return `${Math.floor(duration / SECOND)}${SPACE}s`;
  if (duration < HOUR) return `${Math.floor(duration / MINUTE)}${SPACE}min`;
  if (duration < 2 * DAY) return twoUnits(Math.floor(duration / MINUTE), 60, ['h', 'min']);
  return twoUnits(Math.floor(duration / HOUR), 24, ['d', 'h']);
}

/**
 * @param {number} count Of the smaller unit
 * @param {number} ratio
 * @param {[string, string]} units
 */
function twoUnits(count, ratio, [large, small]) {
  const rest = count % ratio;
  const whole = `${Math.floor(count / ratio)}${SPACE}${large}`;
  return rest === 0 ? whole : `${whole}${SPACE}${rest}${SPACE}${small}`;
}

/**
 * Returns how far a time is from now: `in 5 min`, `5 min ago`.
 *
 * @param {number} time
 * @param {number} now
 */
export function distanceText(time, now) {
  const left = time - now;
  return left < 0 ? `${durationText(-left)}${SPACE}ago` : `in${SPACE}${durationText(left)}`;
}

/**
 * Returns a time for people who compare it with a log: `2026-01-01 12:00:00 UTC`.
 *
 * @param {number} time
 */
export function exactText(time) {
  return new Date(time)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});

/**
 * Returns the time of day of the browser: `14:05:09`.
 *
 * @param {number} time
 */
export function clockText(time) {
  return clock.format(time);
}

const groups = new Intl.NumberFormat('en');

/**
 * Returns a number with its digits in groups: `10,000`.
 *
 * @param {number} count
 */
export function countText(count) {
  return groups.format(count);
}
