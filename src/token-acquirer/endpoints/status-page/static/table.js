// The table of tokens. However many there are, it has the rows of one page.
import { copyOf, find, write } from './elements.js';
import { drawAxis, drawLegend, drawLife, SPANS, spanFor } from './time-line.js';
import { countText, distanceText, durationText, exactText } from './times.js';
import { ALL, URGENT } from './tokens.js';

/** @import { PageToken } from '../page-message.ts' */
/** @import { Tokens } from './tokens.js' */

const ROWS = 25;
const AUTOMATIC = 'auto';
/** How long a new token stands out. */
const FRESH = 4000;

/** A sign and a word say what the color says. */
export const SIGNS = /** @type {const} */ ({
  Expired: ['✕', 'bad'],
  Failing: ['✕', 'bad'],
  NotStored: ['▲', 'bad'],
  Pending: ['○', 'waiting'],
  RenewalFailing: ['▲', 'warning'],
  Valid: ['●', 'good'],
  Suspended: ['‖', 'off'],
});

export class Table {
  #tokens;
  #clock;
  #announce;
  #page = 0;
  /** @type {readonly PageToken[]} */
  #matching = [];
  /** @type {HTMLElement[]} */
  #rows = [];
  /** When the token in each row was issued, by its name. */
  /** @type {Map<string, number | undefined>} */
  #shown = new Map();
  #filter = find('#filter', HTMLInputElement);
  #show = find('#show', HTMLSelectElement);
  #span = find('#span', HTMLSelectElement);

  /**
   * @param {Tokens} tokens
   * @param {() => number} clock That of token-acquirer.
   * @param {(text: string) => void} announce Says something to a screen reader.
   */
  constructor(tokens, clock, announce) {
    this.#tokens = tokens;
    this.#clock = clock;
    this.#announce = announce;
    drawLegend();
    this.#span.append(new Option('automatic', AUTOMATIC));
    for (const span of SPANS) this.#span.append(new Option(durationText(span), String(span)));
    for (const control of [this.#filter, this.#show]) control.addEventListener('input', () => this.#narrowed());
    this.#span.addEventListener('input', () => this.draw());
    find('#pages', HTMLElement).addEventListener('click', ({ target }) => {
      if (target instanceof HTMLButtonElement) this.#go(target.dataset['go'] ?? '');
    });
  }

  /** The tokens have changed. */
  refresh() {
    this.#offer();
    this.#matching = this.#tokens.matching(this.#show.value || ALL, this.#filter.value);
    const last = this.#lastPage();
    this.#page = Math.min(this.#page, last);
    find('#tokens', HTMLTableElement).setAttribute('aria-rowcount', String(this.#matching.length + 1));
    const none = find('#nothing', HTMLElement);
    none.hidden = this.#matching.length > 0;
    write(none, this.#tokens.size === 0 ? 'There are no tokens.' : 'No token matches.');
    const first = this.#page * ROWS;
    const end = Math.min(this.#matching.length, first + ROWS);
    write(
      find('#place', HTMLElement),
      `${countText(first + 1)} to ${countText(end)} of ${countText(this.#matching.length)}`,
    );
    find('#pages', HTMLElement).hidden = last === 0;
    for (const button of document.querySelectorAll('#pages button')) {
      if (!(button instanceof HTMLButtonElement)) continue;
      const goesBack = button.dataset['go'] === 'first' || button.dataset['go'] === 'previous';
      // A button that is disabled would lose the focus.
      button.setAttribute('aria-disabled', String(this.#page === (goesBack ? 0 : last)));
    }
    this.#write(this.#matching.slice(first, end), first);
    this.draw();
  }

  /** Draws what depends on the time. */
  draw() {
    const now = this.#clock();
    const first = this.#page * ROWS;
    const shown = this.#matching.slice(first, first + ROWS);
    const chosen = Number(this.#span.value);
    const span = Number.isNaN(chosen) || chosen === 0 ? spanFor(shown, now) : chosen;
    drawAxis(span);
    for (const [index, token] of shown.entries()) {
      const row = this.#rows[index];
      if (row === undefined) continue;
      drawLife(find('svg', SVGSVGElement, row), token, { now, span });
      writeTime(find('time.expires', HTMLTimeElement, row), token.expires, now);
      writeTime(find('time.renews', HTMLTimeElement, row), token.renews, now);
    }
  }

  #narrowed() {
    this.#page = 0;
    this.refresh();
    this.#announce(`${countText(this.#matching.length)} of ${countText(this.#tokens.size)} tokens match.`);
  }

  /** @param {string} where */
  #go(where) {
    const last = this.#lastPage();
    const page = { first: 0, previous: this.#page - 1, next: this.#page + 1, last }[where] ?? 0;
    if (page < 0 || page > last || page === this.#page) return;
    this.#page = page;
    this.refresh();
    this.#announce(`Tokens ${find('#place', HTMLElement).textContent}.`);
  }

  #lastPage() {
    return Math.max(0, Math.ceil(this.#matching.length / ROWS) - 1);
  }

  /** Offers the states that exist, with their counts. The chosen one stays. */
  #offer() {
    const states = [...this.#tokens.counts()].sort(([one], [other]) => (one < other ? -1 : 1));
    /** @type {[value: string, text: string][]} */
    const options = [
      [ALL, `all (${countText(this.#tokens.size)})`],
      [URGENT, `needs attention (${countText(this.#tokens.urgent)})`],
      ...states.map(([state, count]) => /** @type {[string, string]} */ ([state, `${state} (${countText(count)})`])),
    ];
    const chosen = this.#show.value;
    if (chosen !== '' && !options.some(([value]) => value === chosen)) options.push([chosen, `${chosen} (0)`]);
    const written = options.map(([, text]) => text).join();
    if (this.#show.dataset['written'] === written) return;
    this.#show.dataset['written'] = written;
    this.#show.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
  }

  /**
   * @param {readonly PageToken[]} tokens
   * @param {number} first The place of the first one
   */
  #write(tokens, first) {
    const body = find('#rows', HTMLTableSectionElement);
    while (this.#rows.length > tokens.length) this.#rows.pop()?.remove();
    while (this.#rows.length < tokens.length) {
      const row = copyOf('row');
      body.append(row);
      this.#rows.push(row);
    }
    const before = this.#shown;
    this.#shown = new Map(tokens.map(({ id, issued }) => [id, issued]));
    for (const [index, token] of tokens.entries()) {
      const row = this.#rows[index];
      if (row === undefined) continue;
      row.setAttribute('aria-rowindex', String(first + index + 2));
      writeRow(row, token);
      const isNew = before.has(token.id) && before.get(token.id) !== token.issued;
      if (isNew) standOut(row);
    }
  }
}

/**
 * @param {HTMLElement} row
 * @param {PageToken} token
 */
function writeRow(row, { id, state, note, urgency }) {
  const [namespace = '', secret = '', name = ''] = id.split('/');
  row.dataset['token'] = id;
  row.dataset['urgent'] = urgency === undefined ? 'no' : 'yes';
  write(find('.name', HTMLElement, row), name);
  write(find('.place', HTMLElement, row), `${namespace}/${secret}`);
  const [sign, mood] = SIGNS[state] ?? ['▲', 'bad'];
  find('.state', HTMLElement, row).dataset['mood'] = mood;
  write(find('.sign', HTMLElement, row), sign);
  write(find('.state-name', HTMLElement, row), state);
  write(find('.note', HTMLElement, row), note ?? '');
}

/**
 * @param {HTMLTimeElement} element
 * @param {number | undefined} time
 * @param {number} now
 */
function writeTime(element, time, now) {
  write(element, time === undefined ? '–' : distanceText(time, now));
  const exact = time === undefined ? '' : exactText(time);
  if (element.title === exact) return;
  element.title = exact;
  element.dateTime = time === undefined ? '' : new Date(time).toISOString();
}

/** @param {HTMLElement} row */
function standOut(row) {
  row.dataset['fresh'] = 'yes';
  setTimeout(() => delete row.dataset['fresh'], FRESH);
}
