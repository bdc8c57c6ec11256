// The life of a token on a time line, with *now* in the same place of all rows.
import { find, svg, write } from './elements.js';
import { distanceText, durationText } from './times.js';

/** @import { PageToken } from '../page-message.ts' */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The times after *now* that a line can show. */
export const SPANS = [
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  3 * DAY,
  7 * DAY,
  30 * DAY,
  90 * DAY,
  365 * DAY,
];

/** The part of the line that is past. A token is renewed at about two thirds of its life. */
const PAST = 0.4;
const HEIGHT = 24;
/** Of the tokens that are shown, so many of a hundred have their whole life on the line. */
const WHOLE = 0.9;

/**
 * Returns the span on which most of these tokens can be seen.
 *
 * @param {readonly PageToken[]} tokens
 * @param {number} now
 */
export function spanFor(tokens, now) {
  const needed = tokens
    .flatMap(({ issued, expires }) =>
      issued === undefined || expires === undefined || expires < now
        ? []
        : [Math.max(expires - now, ((now - issued) * (1 - PAST)) / PAST)],
    )
    .sort((one, other) => one - other);
  const most = needed[Math.ceil(needed.length * WHOLE) - 1] ?? HOUR;
  return SPANS.find((span) => span >= most) ?? 365 * DAY;
}

/**
 * Shows what the two ends of the line are.
 *
 * @param {number} span
 */
export function drawAxis(span) {
  const axis = find('#axis', HTMLElement);
  const past = (span * PAST) / (1 - PAST);
  const texts = [`−${durationText(past)}`, 'now', `+${durationText(span)}`];
  if (axis.children.length === 0) axis.append(...texts.map(() => document.createElement('span')));
  for (const [index, text] of texts.entries()) write(axis.children[index] ?? axis, text);
}

/**
 * @param {SVGSVGElement} picture
 * @param {PageToken} token
 * @param {{ now: number, span: number }} frame
 */
export function drawLife(picture, token, { now, span }) {
  const { issued, expires, renews } = token;
  /** @param {number} time In percent, and a little beyond the edges */
  const x = (time) => Math.min(102, Math.max(-2, 100 * (PAST + ((time - now) * (1 - PAST)) / span)));
  /** @type {SVGElement[]} */
  const drawn = [svg('line', { class: 'base', x1: '0%', x2: '100%', y1: HEIGHT / 2, y2: HEIGHT / 2 })];
  if (issued !== undefined && expires !== undefined) {
    drawn.push(bar(expires < now ? 'over' : 'left', x(issued), x(expires)));
    if (expires >= now) drawn.push(bar('used', x(issued), x(now)));
    if (issued > now - span) drawn.push(svg('circle', { class: 'issued', cx: `${x(issued)}%`, cy: HEIGHT / 2, r: 4 }));
  }
  if (renews !== undefined) drawn.push(upright('renews', x(renews)));
  drawn.push(upright('now', 100 * PAST));
  picture.replaceChildren(...drawn);
  picture.setAttribute('aria-label', lifeText(token, now));
}

/**
 * @param {string} name
 * @param {number} from
 * @param {number} to
 */
function bar(name, from, to) {
  return svg('rect', { class: name, x: `${from}%`, y: 7, width: `${Math.max(0.4, to - from)}%`, height: 10, rx: 3 });
}

/**
 * @param {string} name
 * @param {number} at
 */
function upright(name, at) {
  return svg('line', { class: name, x1: `${at}%`, x2: `${at}%`, y1: 2, y2: HEIGHT - 2 });
}

/**
 * @param {PageToken} token
 * @param {number} now
 */
function lifeText({ issued, expires, renews }, now) {
  if (issued === undefined || expires === undefined) return 'No token yet';
  const verb = expires < now ? 'expired' : 'expires';
  const renewal =
    renews === undefined ? '' : `, ${renews < now ? 'renewal was due' : 'renews'} ${distanceText(renews, now)}`;
  return `Issued ${distanceText(issued, now)}${renewal}, ${verb} ${distanceText(expires, now)}`;
}

/** @type {[name: string, meaning: string][]} */
const LEGEND = [
  ['issued', 'issued'],
  ['used', 'so far'],
  ['left', 'still valid'],
  ['over', 'expired'],
  ['renews', 'next renewal'],
  ['now', 'now'],
];

export function drawLegend() {
  for (const [name, meaning] of LEGEND) {
    const picture = svg('svg', { width: 22, height: HEIGHT, 'aria-hidden': 'true', class: 'life' });
    if (name === 'issued') picture.append(svg('circle', { class: name, cx: 11, cy: HEIGHT / 2, r: 4 }));
    else if (name === 'now' || name === 'renews') picture.append(upright(name, 50));
    else picture.append(bar(name, 0, 100));
    const item = document.createElement('li');
    item.append(picture, meaning);
    find('#legend', HTMLUListElement).append(item);
  }
}
