// What is shown above the table: the process, the counts, and the problems.
import { find, write } from './elements.js';
import { SIGNS } from './table.js';
import { countText, durationText } from './times.js';

/** @import { PageProcess } from '../page-message.ts' */
/** @import { Tokens } from './tokens.js' */

const TITLE = document.title;

/**
 * @param {PageProcess} process
 * @param {number} now
 */
export function showProcess({ leader, configuration, shards, shard }, now) {
  const [title, ...more] = leader;
  const parts = [
    title === undefined ? [] : [`${title}.`],
    more,
    shards === undefined ? [] : [`Shown are the tokens of shard ${shard ?? 0} of ${shards.length}.`],
    configuration === undefined
      ? []
      : [`Configuration ${configuration.sha256}, loaded ${durationText(Math.max(0, now - configuration.loaded))} ago.`],
  ];
  write(find('#process', HTMLElement), parts.flat().join(' '));
}

/**
 * @param {PageProcess} process
 * @param {number} now
 */
export function showProblems({ problems, shards = [] }, now) {
  fill(
    '#problems',
    problems.map(({ title, message, since }) => {
      const age = since === undefined ? '' : `, for ${durationText(Math.max(0, now - Date.parse(since)))}`;
      return { text: `${title}${age}: ${message}`, mood: 'bad' };
    }),
  );
  fill(
    '#shards',
    shards.map(({ shard, state, holder, tokens }) => {
      const who = state === 'held' ? `held by ${holder ?? 'a pod'}` : '';
      const what = state === 'ended' ? 'nobody works on its tokens' : who || 'its Lease cannot be read';
      return {
        text: `Shard ${shard}: ${what}. Tokens: ${countText(tokens)}.`,
        mood: state === 'held' ? 'good' : 'bad',
      };
    }),
  );
}

/**
 * Returns how many need attention, in words.
 *
 * @param {Tokens} tokens
 */
export function showCounts(tokens) {
  const { size, urgent } = tokens;
  const text = attentionText(urgent, size);
  const line = find('#attention', HTMLElement);
  line.dataset['state'] = urgent === 0 ? 'good' : 'bad';
  write(line, text);
  document.title = urgent === 0 ? TITLE : `(${countText(urgent)}) ${TITLE}`;
  const counts = tokens.counts();
  const states = /** @type {(keyof typeof SIGNS)[]} */ (Object.keys(SIGNS));
  fill(
    '#states',
    states.flatMap((state) => {
      const count = counts.get(state);
      const [sign, mood] = SIGNS[state];
      return count === undefined ? [] : [{ sign, text: `${state} ${countText(count)}`, mood }];
    }),
  );
  return text;
}

/**
 * @param {number} urgent
 * @param {number} size
 */
function attentionText(urgent, size) {
  if (size === 0) return 'There are no tokens.';
  const all = countText(size);
  if (urgent === 0) return size === 1 ? 'The only token needs no attention.' : `None of ${all} tokens needs attention.`;
  return `${countText(urgent)} of ${all} ${size === 1 ? 'token' : 'tokens'} ${urgent === 1 ? 'needs' : 'need'} attention.`;
}

/**
 * Fills a list, which is hidden where it is empty.
 *
 * @param {string} selector
 * @param {readonly { sign?: string, text: string, mood: string }[]} items
 */
function fill(selector, items) {
  const list = find(selector, HTMLUListElement);
  const written = JSON.stringify(items);
  list.hidden = items.length === 0;
  if (list.dataset['written'] === written) return;
  list.dataset['written'] = written;
  list.replaceChildren(
    ...items.map(({ sign, text, mood }) => {
      const item = document.createElement('li');
      item.dataset['mood'] = mood;
      if (sign !== undefined) {
        const picture = document.createElement('span');
        picture.className = 'sign';
        picture.setAttribute('aria-hidden', 'true');
        picture.textContent = sign;
        item.append(picture);
      }
      item.append(text);
      return item;
    }),
  );
}
