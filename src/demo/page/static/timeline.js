// The time line: a lane for each app over one axis, with *now* always in the same place.
import { copyOf, find, svg } from './elements.js';
import { LANE_HEIGHT, Lane } from './lane.js';
import { drawLegend } from './marks.js';
import { eachFrame } from './ticker.js';

/** @import { PageMessage } from '../page-message.ts' */

const AXIS_HEIGHT = 20;
const STEP = 10_000;
/** Up to this width, the time line shows less time. */
const NARROW = 560;

export class Timeline {
  #lanes = find('#lanes', HTMLElement);
  /** @type {Map<string, Lane>} */
  #byApp = new Map();
  #axis = svg('svg', { 'aria-hidden': 'true', height: AXIS_HEIGHT, class: 'axis' });
  #width = 0;
  #clock;

  /** @param {() => number} clock That of the demo. */
  constructor(clock) {
    this.#clock = clock;
    drawLegend();
    const frame = document.createElement('div');
    frame.className = 'lane';
    frame.append(document.createElement('span'), this.#axis);
    this.#lanes.append(frame);
    new ResizeObserver(() => this.#resize()).observe(this.#axis);
    eachFrame(() => this.#draw());
  }

  clear() {
    for (const lane of this.#byApp.values()) lane.clear();
  }

  /** @param {string} name */
  add(name) {
    if (this.#byApp.has(name)) return;
    const row = copyOf('lane');
    find('h3', HTMLElement, row).textContent = name;
    const picture = find('svg', SVGSVGElement, row);
    picture.setAttribute('height', String(LANE_HEIGHT));
    this.#axis.parentElement?.before(row);
    this.#byApp.set(name, new Lane(picture, name));
  }

  /** @param {PageMessage} message */
  hear(message) {
    if ('app' in message && message.app !== undefined) this.#byApp.get(message.app)?.hear(message);
  }

  #span() {
    return this.#width < NARROW ? { past: 32_000, future: 14_000 } : { past: 64_000, future: 22_000 };
  }

  #draw() {
    if (this.#width === 0) return;
    const frame = { now: this.#clock(), width: this.#width, ...this.#span() };
    for (const lane of this.#byApp.values()) lane.draw(frame);
  }

  #resize() {
    this.#width = this.#axis.getBoundingClientRect().width;
    const { past, future } = this.#span();
    const scale = this.#width / (past + future);
    this.#axis.replaceChildren();
    for (let time = -Math.floor(past / STEP) * STEP; time <= future; time += STEP) {
      const x = (past + time) * scale;
      const text = svg('text', { x, y: 15, 'text-anchor': 'middle', class: time === 0 ? 'now' : '' });
      text.textContent = time === 0 ? 'now' : `${time > 0 ? '+' : '−'}${Math.abs(time) / 1000} s`;
      this.#axis.append(svg('line', { x1: x, x2: x, y1: 0, y2: 4 }), text);
    }
    this.#draw();
  }
}
