// The marks of the time line, and its legend.
import { find, svg } from './elements.js';

/** @typedef {'renewed' | 'reissued' | 'revoked' | 'planned'} Mark */

/**
 * @param {Mark} mark
 * @param {number} x
 * @param {number} y
 * @returns {SVGElement}
 */
export function markOf(mark, x, y) {
  const transform = `translate(${x} ${y})`;
  const attributes = { class: `mark ${mark}`, transform };
  switch (mark) {
    case 'renewed':
      return svg('circle', { ...attributes, r: 5 });
    case 'reissued':
      return svg('path', { ...attributes, d: 'M0-7.5 7.5 0 0 7.5-7.5 0Z' });
    case 'revoked':
      return svg('path', { ...attributes, d: 'M-4.5-4.5 4.5 4.5M4.5-4.5-4.5 4.5' });
    case 'planned':
      return svg('path', { ...attributes, d: 'M0-10V10' });
  }
}

/** @type {[draw: () => SVGElement[], meaning: string][]} */
const LEGEND = [
  [() => [markOf('renewed', 9, 8)], 'renewed'],
  [() => [markOf('reissued', 9, 8)], 'reissued'],
  [() => [markOf('revoked', 9, 8)], 'revoked'],
  [() => [markOf('planned', 9, 8)], 'next renewal'],
  [() => [tick('ok', 1, 15)], 'call succeeded'],
  [() => [tick('ok', 1, 15), tick('failed', 1, 8)], 'rejected, then retried successfully'],
  [() => [tick('failed', 1, 15)], 'failed'],
];

/**
 * @param {string} result
 * @param {number} from
 * @param {number} to
 */
function tick(result, from, to) {
  return svg('line', { class: `call ${result}`, x1: 9, x2: 9, y1: from, y2: to });
}

export function drawLegend() {
  for (const [draw, meaning] of LEGEND) {
    const picture = svg('svg', { viewBox: '0 0 18 16', 'aria-hidden': 'true' });
    picture.append(...draw());
    const item = document.createElement('li');
    item.append(picture, meaning);
    find('#legend', HTMLUListElement).append(item);
  }
}
