// Lays out the arrows of the diagram from the positions of its parts.
import { find, svg } from './elements.js';

/** @import { Edge } from '../page-message.ts' */

/**
 * @typedef {object} Box
 * @property {number} left
 * @property {number} right
 * @property {number} top
 * @property {number} bottom
 * @property {number} x Middle
 * @property {number} y Middle
 */

/**
 * @typedef {object} Route
 * @property {string} path
 * @property {{ x: number, y: number, turn?: number, anchor?: string }} label
 */

/** @type {Record<Edge, string>} */
const LABELS = {
  request: 'token request',
  store: 'stores',
  read: 'reads',
  call: 'calls',
  pass: 'passes on',
  reissue: 'asks for a reissue',
  check: 'checks the token',
};

/** @type {Record<Edge, string>} Where each arrow ends. */
export const ENDS = {
  request: 'authorization-server',
  store: 'token-volume',
  read: 'client-apps',
  call: 'gateway',
  pass: 'external-service',
  reissue: 'token-acquirer',
  check: 'authorization-server',
};

const GAP = 6;
const BEND = 12;

/** Lays out the arrows again whenever the diagram changes its size. */
export class Edges {
  #diagram = find('#diagram', HTMLElement);
  #lines = find('#lines', SVGGElement);
  #labels = find('#labels', SVGGElement);
  /** @type {Map<Edge, SVGPathElement>} */
  #paths = new Map();

  constructor() {
    for (const edge of edges()) {
      const path = svg('path', { class: 'edge', 'data-edge': edge, 'marker-end': 'url(#head)' });
      this.#paths.set(edge, path);
      this.#lines.append(path);
    }
    new ResizeObserver(() => this.#layOut()).observe(this.#diagram);
  }

  /** @param {Edge} edge */
  path(edge) {
    return this.#paths.get(edge);
  }

  #layOut() {
    const narrow = getComputedStyle(this.#diagram).getPropertyValue('--narrow').trim() === 'yes';
    const routes = narrow ? narrowRoutes(this.#boxes()) : wideRoutes(this.#boxes());
    this.#labels.replaceChildren();
    for (const edge of edges()) {
      const { path, label } = routes[edge];
      this.#paths.get(edge)?.setAttribute('d', path);
      const { x, y, turn = 0, anchor = 'middle' } = label;
      const text = svg('text', { x, y, 'text-anchor': anchor, transform: `rotate(${turn} ${x} ${y})` });
      text.textContent = LABELS[edge];
      this.#labels.append(text);
    }
  }

  #boxes() {
    const origin = this.#diagram.getBoundingClientRect();
    /** @param {string} id */
    return (id) => {
      const { left, right, top, bottom } = find(`#${id}`, HTMLElement).getBoundingClientRect();
      const [l, r, t, b] = [left - origin.left, right - origin.left, top - origin.top, bottom - origin.top];
      return { left: l, right: r, top: t, bottom: b, x: (l + r) / 2, y: (t + b) / 2 };
    };
  }
}

function edges() {
  return /** @type {Edge[]} */ (Object.keys(LABELS));
}

/**
 * Two rows of three: requests and stores above, calls below; questions go up between them.
 *
 * @param {(id: string) => Box} box
 * @returns {Record<Edge, Route>}
 */
function wideRoutes(box) {
  const [server, acquirer, volume] = [box('authorization-server'), box('token-acquirer'), box('token-volume')];
  const [service, gateway, apps] = [box('external-service'), box('gateway'), box('client-apps')];
  const [up, down] = [acquirer.x + acquirerShare(acquirer), gateway.x - acquirerShare(gateway)];
  const between = Math.min(apps.top + 34, gateway.top - 26);
  return {
    request: across(acquirer.left, server.right, server.y),
    store: across(acquirer.right, volume.left, acquirer.y),
    read: {
      path: `M${apps.x} ${volume.bottom + GAP}V${apps.top - GAP}`,
      label: { x: apps.x + 10, y: (volume.bottom + apps.top) / 2 + 4, anchor: 'start' },
    },
    call: across(apps.left, gateway.right, gateway.y),
    pass: across(gateway.left, service.right, gateway.y),
    reissue: {
      path: `M${apps.left - GAP} ${between}H${up + BEND}q${-BEND} 0 ${-BEND} ${-BEND}V${acquirer.bottom + GAP}`,
      label: { x: (apps.left + up) / 2 + BEND / 2, y: between - 8 },
    },
    check: {
      path: `M${down} ${gateway.top - GAP}V${between + BEND}q0 ${-BEND} ${-BEND} ${-BEND}H${server.x + BEND}q${-BEND} 0 ${-BEND} ${-BEND}V${server.bottom + GAP}`,
      label: { x: (down + server.x) / 2, y: between - 8 },
    },
  };
}

/** @param {Box} box */
function acquirerShare(box) {
  return (box.right - box.left) / 5;
}

/**
 * @param {number} from
 * @param {number} to
 * @param {number} y
 * @returns {Route}
 */
function across(from, to, y) {
  const side = Math.sign(to - from) * GAP;
  return { path: `M${from + side} ${y}H${to - side}`, label: { x: (from + to) / 2, y: y - 9 } };
}

/**
 * One column; questions go up next to it.
 *
 * @param {(id: string) => Box} box
 * @returns {Record<Edge, Route>}
 */
function narrowRoutes(box) {
  const [server, acquirer, volume] = [box('authorization-server'), box('token-acquirer'), box('token-volume')];
  const [service, gateway, apps] = [box('external-service'), box('gateway'), box('client-apps')];
  return {
    request: upright(acquirer.top, server.bottom, acquirer.x),
    store: upright(acquirer.bottom, volume.top, acquirer.x),
    read: upright(volume.bottom, apps.top, apps.x),
    call: upright(apps.bottom, gateway.top, apps.x),
    pass: upright(gateway.bottom, service.top, gateway.x),
    reissue: nextTo(apps, acquirer, 1),
    check: nextTo(gateway, server, -1),
  };
}

/**
 * @param {number} from
 * @param {number} to
 * @param {number} x
 * @returns {Route}
 */
function upright(from, to, x) {
  const side = Math.sign(to - from) * GAP;
  return { path: `M${x} ${from + side}V${to - side}`, label: { x: x + 10, y: (from + to) / 2 + 4, anchor: 'start' } };
}

/**
 * @param {Box} from
 * @param {Box} to
 * @param {1 | -1} side 1: on the right
 * @returns {Route}
 */
function nextTo(from, to, side) {
  const edge = side === 1 ? from.right : from.left;
  const [start, end] = [from.top + 24, to.y];
  const bend = side * 8;
  return {
    path: `M${edge + side * 3} ${start}h${bend / 2}q${bend} 0 ${bend} -8V${end + 8}q0 -8 ${-bend} -8h${-bend / 2}`,
    label: { x: edge + (side === 1 ? 26 : -19), y: (start + end) / 2, turn: -90 },
  };
}
