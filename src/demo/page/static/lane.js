// One app on the time line: its tokens as bars, its calls as ticks.
import { svg } from './elements.js';
import { markOf } from './marks.js';

/** @import { PageMessage, PageToken } from '../page-message.ts' */
/** @typedef {Extract<PageMessage, { kind: 'call' }>['result']} CallResult */
/** @typedef {{ token: PageToken, trigger: 'renewal' | 'reissue', number: number, revokedAt?: number }} Issue */
/** @typedef {{ now: number, width: number, past: number, future: number }} Frame Times in milliseconds */

export const LANE_HEIGHT = 70;
const BAR = 15;
const ROW = 19;
const BARS_TOP = 6;
const CALLS_TOP = 49;
const TICK = 13;
/** A hash fits into a bar of this width. */
const LABEL_WIDTH = 84;
const A_LONG_TIME = 3_600_000;

export class Lane {
  #element;
  #name;
  #content = svg('g');
  #now = svg('line', { class: 'now', y1: 0, y2: LANE_HEIGHT });
  /** In front of the line, so that it crosses no hash. */
  #labels = svg('g');
  /** @type {Issue[]} */
  #issues = [];
  /** @type {{ at: number, result: CallResult }[]} */
  #calls = [];
  /** @type {{ from: number, to: number | undefined }[]} */
  #stops = [];
  #count = 0;
  #changed = true;
  #scale = 0;
  #origin = 0;

  /**
   * @param {SVGSVGElement} element
   * @param {string} name
   */
  constructor(element, name) {
    this.#element = element;
    this.#name = name;
    element.append(this.#content, this.#now, this.#labels);
  }

  clear() {
    this.#issues = [];
    this.#calls = [];
    this.#stops = [];
    this.#changed = true;
  }

  /** @param {PageMessage} message */
  hear(message) {
    switch (message.kind) {
      case 'issued':
        this.#issues.push({ token: message.token, trigger: message.trigger, number: this.#count });
        this.#count += 1;
        break;
      case 'rescheduled':
        for (const issue of this.#issues) if (issue.token.hash === message.token.hash) issue.token = message.token;
        break;
      case 'revoked':
        for (const issue of this.#issues) if (issue.token.hash === message.hash) issue.revokedAt = message.at;
        break;
      case 'running':
        this.#run(message.at, message.running);
        break;
      case 'call':
        this.#calls.push({ at: message.at, result: message.result });
        break;
      default:
        return;
    }
    this.#changed = true;
  }

  /** @param {Frame} frame */
  draw({ now, width, past, future }) {
    const scale = width / (past + future);
    if (this.#changed || scale !== this.#scale) {
      this.#forget(now - past);
      this.#scale = scale;
      this.#origin = now;
      this.#changed = false;
      this.#labels.replaceChildren();
      this.#content.replaceChildren(...this.#stopped(now + future), ...this.#bars(), ...this.#ticks());
      this.#element.setAttribute('aria-label', this.#summary(now));
    }
    const x = past * scale;
    const transform = `translate(${(x - (now - this.#origin) * scale).toFixed(2)} 0)`;
    for (const group of [this.#content, this.#labels]) group.setAttribute('transform', transform);
    this.#now.setAttribute('x1', String(x));
    this.#now.setAttribute('x2', String(x));
  }

  /**
   * @param {number} at
   * @param {boolean} running
   */
  #run(at, running) {
    const last = this.#stops.at(-1);
    if (!running) this.#stops.push({ from: at, to: undefined });
    else if (last !== undefined) last.to ??= at;
  }

  /** @param {number} before */
  #forget(before) {
    this.#issues = this.#issues.filter(({ token }) => token.expiresAt > before);
    this.#calls = this.#calls.filter(({ at }) => at > before);
    this.#stops = this.#stops.filter(({ to = Infinity }) => to > before);
  }

  /** @param {number} time */
  #x(time) {
    return (time - this.#origin) * this.#scale;
  }

  #bars() {
    return this.#issues.flatMap((issue, index) => this.#bar(issue, this.#issues[index + 1]));
  }

  /**
   * @param {Issue} issue
   * @param {Issue | undefined} next
   */
  #bar({ token, trigger, number, revokedAt }, next) {
    const y = BARS_TOP + (number % 2) * ROW;
    const [from, to] = [this.#x(token.issuedAt), this.#x(token.expiresAt)];
    const usedUntil = Math.min(revokedAt ?? Infinity, next?.token.issuedAt ?? Infinity, token.expiresAt);
    const end = this.#x(usedUntil);
    /** @type {SVGElement[]} */
    const drawn = [
      svg('rect', {
        class: revokedAt === undefined ? 'valid' : 'void',
        x: from,
        y,
        width: to - from,
        height: BAR,
        rx: 4,
      }),
      svg('rect', { class: 'used', x: from, y, width: Math.max(2, end - from), height: BAR, rx: 4 }),
    ];
    if (end - from > LABEL_WIDTH) {
      const label = svg('text', { class: 'hash', x: from + 14, y: y + 11 });
      label.textContent = token.hash;
      this.#labels.append(label);
    }
    const middle = y + BAR / 2;
    if (next === undefined && revokedAt === undefined) drawn.push(markOf('planned', this.#x(token.renewAt), middle));
    drawn.push(markOf(trigger === 'reissue' ? 'reissued' : 'renewed', from, middle));
    if (revokedAt !== undefined) drawn.push(markOf('revoked', this.#x(revokedAt), middle));
    return drawn;
  }

  #ticks() {
    return this.#calls.flatMap(({ at, result }) => {
      const x = this.#x(at);
      const tick = svg('line', { class: `call ${result}`, x1: x, x2: x, y1: CALLS_TOP, y2: CALLS_TOP + TICK });
      if (result !== 'retried') return [tick];
      return [tick, svg('line', { class: 'call failed', x1: x, x2: x, y1: CALLS_TOP, y2: CALLS_TOP + TICK / 2 })];
    });
  }

  /** @param {number} end Of the visible time. */
  #stopped(end) {
    return this.#stops.flatMap(({ from, to = end + A_LONG_TIME }) => {
      const x = this.#x(from);
      const label = svg('text', { class: 'stopped-label', x: x + 6, y: CALLS_TOP + 10 });
      label.textContent = 'stopped';
      return [svg('rect', { class: 'stopped', x, y: 0, width: this.#x(to) - x, height: LANE_HEIGHT }), label];
    });
  }

  /** @param {number} now */
  #summary(now) {
    const current = this.#issues.at(-1);
    const left = current === undefined ? 0 : Math.round((current.token.expiresAt - now) / 1000);
    const token =
      current === undefined || left <= 0
        ? 'no valid token'
        : `token ${current.token.hash}, ${current.revokedAt === undefined ? `expires in ${left} s` : 'revoked'}`;
    const reissues = this.#issues.filter(({ trigger }) => trigger === 'reissue').length;
    const failed = this.#calls.filter(({ result }) => result === 'failed').length;
    const calls = `${this.#calls.length - failed} calls succeeded and ${failed} failed`;
    return `${this.#name}: ${token}. Shown: ${this.#issues.length} tokens, ${reissues} of them reissued; ${calls}.`;
  }
}
