// Shows the caption and the list of events.
import { find, write } from './elements.js';

/** @import { PageMessage } from '../page-message.ts' */

const MOST_LINES = 60;

const time = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});

/** @param {Extract<PageMessage, { kind: 'caption' }>} caption */
export function showCaption({ text, mood }) {
  find('#caption', HTMLElement).dataset['mood'] = mood;
  // A number stays with its unit.
  write(find('#caption-text', HTMLElement), text.replaceAll(/(\d) s\b/g, '$1\u00A0s'));
}

/** @param {Extract<PageMessage, { kind: 'line' }>} line The newest comes first. */
export function addLine({ at, who, text, mood }) {
  const list = find('#events', HTMLOListElement);
  const item = document.createElement('li');
  item.dataset['mood'] = mood;
  const stamp = document.createElement('time');
  stamp.dateTime = new Date(at).toISOString();
  stamp.textContent = time.format(at);
  item.append(stamp, textIn('who', who), textIn('text', text));
  list.prepend(item);
  while (list.children.length > MOST_LINES) list.lastElementChild?.remove();
}

export function clearLines() {
  find('#events', HTMLOListElement).replaceChildren();
}

/**
 * @param {string} name
 * @param {string} text
 */
function textIn(name, text) {
  const element = document.createElement('span');
  element.className = name;
  element.textContent = text;
  return element;
}
