// The status page: follows the stream of changes and shows them.
import { find, write } from './elements.js';
import { addLine, clearLines } from './event-list.js';
import { showCounts, showProblems, showProcess } from './summary.js';
import { Table } from './table.js';
import { clockText } from './times.js';
import { Tokens } from './tokens.js';

/** @import { PageBeginning, PageEvent, PageProcess, PageUpdate } from '../page-message.ts' */

const MOST_LINES = 50;
/** A replica that asks its leader may take so long between two messages. */
const SILENT = 20_000;
const AGAIN = 3000;
/** A screen reader hears the counts at most so often. */
const ANNOUNCE_EVERY = 10_000;
/** A report of the leader may be this old without a remark. */
const OLD = 5000;

/** The clock of token-acquirer, and what is known of the connection. */
const time = { ahead: 0, heard: 0, of: 0, isLost: false };
/** The number of the last event that is shown, and the process as it is shown. */
const shown = { event: 0, process: /** @type {PageProcess | undefined} */ (undefined) };
const announced = { text: '', at: 0, next: '' };

function clock() {
  return Date.now() + time.ahead;
}

/** @param {string} text */
function announce(text) {
  write(find('#announcement', HTMLElement), text);
}

const tokens = new Tokens();
const table = new Table(tokens, clock, announce);

/** Announces the counts where they changed, and not more often than a person can listen. */
function announceCounts() {
  if (announced.next === announced.text || Date.now() - announced.at < ANNOUNCE_EVERY) return;
  announced.text = announced.next;
  announced.at = Date.now();
  announce(announced.text);
}

function showTokens() {
  announced.next = showCounts(tokens);
  announceCounts();
  table.refresh();
}

/** @param {readonly PageEvent[]} events */
function showEvents(events) {
  for (const { number, at, token, text, mood } of events) {
    if (number <= shown.event) continue;
    shown.event = number;
    addLine({ at, who: token ?? 'token-acquirer', text, mood }, MOST_LINES);
  }
  find('#no-events', HTMLElement).hidden = shown.event > 0;
}

/** @param {{ now: number, of: number }} message */
function heard({ now, of }) {
  Object.assign(time, { ahead: now - Date.now(), heard: Date.now(), of, isLost: false });
  find('#lost', HTMLElement).hidden = true;
  const badge = find('#connection', HTMLElement);
  badge.dataset['state'] = 'good';
  write(badge, now - of > OLD ? `live, as of ${clockText(of - time.ahead)}` : 'live');
}

function lose() {
  if (time.isLost) return;
  time.isLost = true;
  const badge = find('#connection', HTMLElement);
  badge.dataset['state'] = 'bad';
  write(badge, 'not connected');
  const lost = find('#lost', HTMLElement);
  const since = time.heard === 0 ? '' : ` What you see is from ${clockText(time.heard)}.`;
  lost.hidden = false;
  write(lost, `token-acquirer does not answer.${since} This page tries again by itself.`);
}

function follow() {
  const stream = new EventSource('page/events');
  stream.addEventListener('picture', ({ data }) => {
    const beginning = /** @type {PageBeginning} */ (JSON.parse(String(data)));
    heard(beginning);
    // Another process counts its events anew.
    shown.event = 0;
    clearLines();
    showEvents(beginning.events);
    shown.process = beginning.process;
    tokens.replace(beginning.tokens);
    showTokens();
    tick();
  });
  stream.addEventListener('changes', ({ data }) => {
    const update = /** @type {PageUpdate} */ (JSON.parse(String(data)));
    heard(update);
    showEvents(update.events ?? []);
    shown.process = update.process ?? shown.process;
    if (update.tokens === undefined && update.gone === undefined) return;
    tokens.change(update.tokens ?? [], update.gone ?? []);
    showTokens();
  });
  stream.addEventListener('error', () => {
    lose();
    // After an answer that is no stream, the browser does not try again.
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(follow, AGAIN);
  });
}

/** What depends on the time. */
function tick() {
  if (time.heard > 0 && Date.now() - time.heard > SILENT) lose();
  announceCounts();
  if (shown.process === undefined) return;
  showProcess(shown.process, clock());
  showProblems(shown.process, clock());
  table.draw();
}

follow();
setInterval(tick, 1000);
