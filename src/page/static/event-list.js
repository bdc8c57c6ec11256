// The list of events of a page, the newest first.
import { find } from './elements.js';

/**
 * @typedef {object} Line
 * @property {number} at
 * @property {string} who
 * @property {string} text
 * @property {string} mood
 */

const time = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});

/**
 * Adds a line to the list `#events`, and drops the oldest ones.
 *
 * @param {Line} line
 * @param {number} most
 */
export function addLine({ at, who, text, mood }, most) {
  const list = find('#events', HTMLOListElement);
  const item = document.createElement('li');
  item.dataset['mood'] = mood;
  const stamp = document.createElement('time');
  stamp.dateTime = new Date(at).toISOString();
  stamp.textContent = time.format(at);
  item.append(stamp, textIn('who', who), textIn('text', text));
  list.prepend(item);
  while (list.children.length > most) list.lastElementChild?.remove();
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
