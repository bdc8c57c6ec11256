// Shows the caption.
import { find, write } from './elements.js';

/** @import { PageMessage } from '../page-message.ts' */

/** @param {Extract<PageMessage, { kind: 'caption' }>} caption */
export function showCaption({ text, mood }) {
  find('#caption', HTMLElement).dataset['mood'] = mood;
  // A number stays with its unit.
  write(find('#caption-text', HTMLElement), text.replaceAll(/(\d) s\b/g, '$1\u00A0s'));
}
