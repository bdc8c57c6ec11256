// The tokens that the page knows: their order, their counts, and which of them a filter lets through.

/** @import { PageToken } from '../page-message.ts' */
/** @typedef {PageToken['state']} State */

/** What the list shows of all tokens: a state, those that need attention, or all. */
export const ALL = 'all';
export const URGENT = 'urgent';

/** After every rank. */
const HEALTHY = 1000;

export class Tokens {
  /** @type {Map<string, PageToken>} */
  #byId = new Map();
  /** @type {PageToken[] | undefined} */
  #sorted;

  get size() {
    return this.#byId.size;
  }

  /** How many need attention. */
  get urgent() {
    return this.#inOrder().filter(({ urgency }) => urgency !== undefined).length;
  }

  /** @param {readonly PageToken[]} tokens */
  replace(tokens) {
    this.#byId.clear();
    this.change(tokens, []);
  }

  /**
   * @param {readonly PageToken[]} tokens New or changed
   * @param {readonly string[]} gone
   */
  change(tokens, gone) {
    for (const token of tokens) this.#byId.set(token.id, token);
    for (const id of gone) this.#byId.delete(id);
    this.#sorted = undefined;
  }

  /** How many tokens each state has. */
  counts() {
    /** @type {Map<State, number>} */
    const counts = new Map();
    for (const { state } of this.#byId.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    return counts;
  }

  /**
   * Returns the tokens of a state that have a text in their name, state or note, those that need attention first.
   *
   * @param {string} show
   * @param {string} text
   */
  matching(show, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return this.#inOrder().filter((token) => {
      if (show === URGENT ? token.urgency === undefined : show !== ALL && token.state !== show) return false;
      if (words.length === 0) return true;
      const searched = `${token.id} ${token.state} ${token.note ?? ''}`.toLowerCase();
      return words.every((word) => searched.includes(word));
    });
  }

  #inOrder() {
    this.#sorted ??= [...this.#byId.values()].sort(inOrder);
    return this.#sorted;
  }
}

/**
 * As the server ranks them. Of one rank the token that expires first comes first, and healthy ones are in the order of
 * their names.
 *
 * @param {PageToken} one
 * @param {PageToken} other
 */
function inOrder(one, other) {
  const ranks = (one.urgency ?? HEALTHY) - (other.urgency ?? HEALTHY);
  if (ranks !== 0) return ranks;
  const expiries = one.urgency === undefined ? 0 : (one.expires ?? 0) - (other.expires ?? 0);
  return expiries || (one.id < other.id ? -1 : Number(one.id > other.id));
}
