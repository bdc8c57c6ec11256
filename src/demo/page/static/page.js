// The page of the demo: follows the stream of events and shows each where it belongs.
import { listenToButtons } from './acts.js';
import { Cards } from './cards.js';
import { Edges } from './edges.js';
import { find, write } from './elements.js';
import { addLine, clearLines } from './event-list.js';
import { Flows } from './flows.js';
import { showCaption } from './telling.js';
import { Timeline } from './timeline.js';

/** @import { PageMessage, PageState, Snapshot } from '../page-message.ts' */

const MOST_LINES = 60;

/** How far the clock of the demo is ahead of the browser's. */
const time = { ahead: 0 };

/** The time of the demo. */
function clock() {
  return Date.now() + time.ahead;
}

const cards = new Cards(clock);
const timeline = new Timeline(clock);
const flows = new Flows(new Edges());

/** @param {PageState} state */
function show(state) {
  for (const { name } of state.apps) timeline.add(name);
  cards.show(state);
}

/** @param {PageMessage} message */
function hear(message) {
  timeline.hear(message);
  if (message.kind === 'caption') showCaption(message);
  else if (message.kind === 'line') addLine(message, MOST_LINES);
  else if (message.kind === 'flow') flows.play(message);
}

/**
 * @param {string} text
 * @param {string} state
 */
function connection(text, state) {
  const badge = find('#connection', HTMLElement);
  badge.dataset['state'] = state;
  write(badge, text);
}

const stream = new EventSource('events');
stream.addEventListener('snapshot', ({ data }) => {
  const { now, state, messages } = /** @type {Snapshot} */ (JSON.parse(String(data)));
  time.ahead = now - Date.now();
  connection('live', 'good');
  timeline.clear();
  clearLines();
  show(state);
  for (const message of messages) hear(message);
});
stream.addEventListener('messages', ({ data }) => {
  const messages = /** @type {PageMessage[]} */ (JSON.parse(String(data)));
  for (const message of messages) hear(message);
});
stream.addEventListener('state', ({ data }) => show(/** @type {PageState} */ (JSON.parse(String(data)))));
stream.addEventListener('error', () => connection('The demo has ended, or does not answer.', 'bad'));
listenToButtons();
