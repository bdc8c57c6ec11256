import { format, inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import { secret } from '../support/secrets.ts';

const value = secret('redacted');
const redacted = new Redacted(value);
/** The secret in a place that needs a text, by mistake. */
const mistaken = redacted as unknown as string;

function messageOfThrown(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return inspect(error);
  }
  return 'nothing was thrown';
}

const WAYS_TO_PRINT: Record<string, () => string> = {
  'a template': () => `It is ${mistaken}.`,
  'a concatenation': () => 'it is ' + mistaken,
  'String()': () => String(redacted),
  'toString()': () => redacted.toString(),
  'toLocaleString()': () => redacted.toLocaleString(),
  'an array joined': () => [redacted, redacted].join(),
  JSON: () => JSON.stringify(redacted),
  'JSON of what holds it': () => JSON.stringify({ deep: [{ redacted }] }),
  'a JSON key': () => JSON.stringify({ [String(redacted)]: 1 }),
  inspect: () => inspect(redacted),
  'inspect with everything hidden shown': () => inspect(redacted, { showHidden: true, depth: Infinity, getters: true }),
  'inspect without custom inspection': () => inspect(redacted, { customInspect: false, showHidden: true }),
  'inspect of what holds it': () => inspect({ deep: [new Map([['key', redacted]])] }, { depth: Infinity }),
  'format %s': () => format('%s', redacted),
  'format %j': () => format('%j', redacted),
  'format %o': () => format('%o', redacted),
  'format %O': () => format('%O', redacted),
  'format %d': () => format('%d', redacted),
  'format without a placeholder': () => format('it is', redacted),
  'its own property names': () => Reflect.ownKeys(redacted).join(),
  'its entries': () => JSON.stringify(Object.entries(redacted)),
  'a spread': () => inspect(Object.assign({}, redacted), { showHidden: true }),
  'a structured clone': () => inspect(structuredClone(redacted), { showHidden: true }),
  'a serialized copy': () => serialize(redacted).toString('latin1') + inspect(deserialize(serialize(redacted))),
  'an error message': () => new Error(`The password ${mistaken} is wrong.`).stack ?? '',
  'an error cause': () => inspect(new Error('It is wrong.', { cause: redacted })),
  'an error of the engine': () => messageOfThrown(() => (redacted as unknown as () => void)()),
  'an error for a missing property': () => messageOfThrown(() => (redacted as unknown as { a: { b: 1 } }).a.b),
  'an error of JSON.parse': () => messageOfThrown(() => JSON.parse(mistaken)),
  'an error of URL': () => messageOfThrown(() => new URL(mistaken)),
  'URL parameters': () => new URLSearchParams({ key: mistaken }).toString(),
  'a failed expectation': () => messageOfThrown(() => expect({ redacted }).toEqual({ redacted: 'something else' })),
};

describe('a redacted secret', () => {
  it.each(Object.entries(WAYS_TO_PRINT))('does not show in %s', (_, print) => {
    expect(print()).not.toContain(value);
  });

  it.each(['String()', 'toString()', 'inspect', 'format %s', 'format %o'])('says so in %s', (way) => {
    expect(WAYS_TO_PRINT[way]?.()).toBe('[redacted]');
  });

  it('says so in JSON, where it would stand', () => {
    expect(JSON.stringify({ password: redacted })).toBe('{"password":"[redacted]"}');
  });

  it('returns its value to callers of reveal', () => {
    expect(redacted.reveal()).toBe(value);
  });

  it('can be empty', () => {
    expect(new Redacted('').reveal()).toBe('');
  });
});
