// Moves dots along the arrows.
import { ENDS } from './edges.js';
import { find, svg } from './elements.js';
import { still } from './ticker.js';

/** @import { Edge, Load, PageMessage } from '../page-message.ts' */
/** @typedef {Extract<PageMessage, { kind: 'flow' }>} Flow */

const TRAVEL = 520;
/** Shows steps one after the other, slowly enough to see them. In fact they took milliseconds. */
const STEP = 380;
/** Leaves out the movements of regular calls if more has happened than can be shown. */
const BACKLOG = 5;
const REGULAR = new Set(['call', 'check', 'pass']);

/** @type {Record<Load, number>} */
const RADIUS = { token: 5, bad: 5.5, plain: 3.5 };

/** Plays the movements of each app, one after the other. */
export class Flows {
  #edges;
  #dots = find('#dots', SVGGElement);
  /** @type {Map<string, Flow[]>} */
  #queues = new Map();

  /** @param {import('./edges.js').Edges} edges */
  constructor(edges) {
    this.#edges = edges;
  }

  /** @param {Flow} flow */
  play(flow) {
    const name = flow.app ?? '';
    const queue = this.#queues.get(name);
    if (queue === undefined) {
      this.#queues.set(name, []);
      this.#show(flow, name);
    } else if (queue.length < BACKLOG || flow.load === 'bad' || !REGULAR.has(flow.edge)) queue.push(flow);
  }

  /**
   * @param {Flow} flow
   * @param {string} name
   */
  #show(flow, name) {
    this.#travel(flow);
    // The gateway asks while the call waits, so both are shown together.
    setTimeout(() => this.#next(name), flow.edge === 'check' ? 0 : STEP);
  }

  /** @param {string} name */
  #next(name) {
    const flow = this.#queues.get(name)?.shift();
    if (flow === undefined) this.#queues.delete(name);
    else this.#show(flow, name);
  }

  /** @param {Flow} flow */
  #travel({ edge, back, load }) {
    const path = this.#edges.path(edge);
    if (path === undefined || document.hidden) return;
    path.dataset['load'] = load;
    const arrive = () => {
      delete path.dataset['load'];
      if (!back && load !== 'plain') pulse(ENDS[edge], load);
    };
    if (still()) setTimeout(arrive, TRAVEL);
    else this.#move(path, { back, load, arrive });
  }

  /**
   * @param {SVGPathElement} path
   * @param {{ back: boolean, load: Load, arrive: () => void }} flow
   */
  #move(path, { back, load, arrive }) {
    const dot = svg('circle', { r: RADIUS[load], class: 'dot', 'data-load': load });
    this.#dots.append(dot);
    const length = path.getTotalLength();
    const began = performance.now();
    const step = () => {
      const part = Math.min(1, (performance.now() - began) / TRAVEL);
      const eased = part * part * (3 - 2 * part);
      const { x, y } = path.getPointAtLength(length * (back ? 1 - eased : eased));
      dot.setAttribute('cx', String(x));
      dot.setAttribute('cy', String(y));
      if (part < 1) {
        requestAnimationFrame(step);
        return;
      }
      dot.remove();
      arrive();
    };
    step();
  }
}

/**
 * @param {string} part
 * @param {Load} load
 */
function pulse(part, load) {
  const element = find(`#${part}`, HTMLElement);
  element.dataset['hit'] = load;
  setTimeout(() => delete element.dataset['hit'], TRAVEL);
}
