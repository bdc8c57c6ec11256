import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError, UsageError } from '../../src/core/errors.ts';
import { errorPlace, framesOf, innerError } from '../../src/core/inner-error.ts';
import { secret } from '../support/secrets.ts';

const planted = secret('cause');
const HERE = 'inner-error.test.ts';

/** Returns all parts of an error that a program may print. */
function printed(error: unknown): string {
  return [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error)].join('\n');
}

const AS_FRAME = `first line\n    at ${planted} (/app/secret.ts:1:2)\n    at last (/app/last.ts:3:4)`;

const SOURCES: readonly (readonly [string, () => unknown])[] = [
  ['a message', () => new TypeError(`Cannot read ${planted}`)],
  ['a message of several lines', () => new Error(`first\n${planted}\nlast`)],
  ['a message that looks like frames', () => new Error(AS_FRAME)],
  ['a cause of a cause', () => new Error('outer', { cause: new Error('middle', { cause: new Error(planted) }) })],
  ['a property', () => Object.assign(new Error('outer'), { body: planted, cause: planted })],
  ['a text that was thrown', () => planted],
  ['an object that was thrown', () => ({ body: planted })],
  [
    'a stack that was made before the message',
    () => {
      const error = new Error(AS_FRAME);
      error.message = 'another';
      return error;
    },
  ],
];

const ERRORS: readonly (readonly [string, (cause: unknown) => Error])[] = [
  ['a TokenRequestError', (cause) => new TokenRequestError('timeout', 'It failed.', { progress: 'unknown', cause })],
  ['a StoreError', (cause) => new StoreError('It failed.', { cause })],
  ['a UsageError', (cause) => new UsageError('It failed.', { cause })],
];

describe.each(ERRORS)('the cause of %s', (_, make) => {
  it.each(SOURCES)('shows nothing of a secret in %s', (_source, source) => {
    const text = printed(make(source()));
    expect(text).toContain('It failed.');
    expect(text).toContain('InnerError');
    expect(text).not.toContain(planted);
  });

  it('has the class and the frames of the inner error', () => {
    const { cause } = make(new RangeError('inner'));
    expect(cause).toMatchObject({ name: 'InnerError', message: 'RangeError' });
    expect((cause as Error).stack).toContain(HERE);
  });

  it('is missing without an inner error', () => {
    expect(make(undefined)).not.toHaveProperty('cause');
  });
});

describe('an inner error', () => {
  it('keeps the frames of each error of a chain, and ends a circle', () => {
    const circle = new Error('circle');
    circle.cause = circle;
    expect(inspect(innerError(circle), { depth: 20 }).match(/InnerError: Error/g)?.length).toBe(5);
    const chain = innerError(new Error('outer', { cause: new RangeError('inner') }));
    expect((chain?.cause as Error | undefined)?.message).toBe('RangeError');
  });
});

describe('the place of an error', () => {
  it('is its class and its first frame', () => {
    expect(errorPlace(new RangeError('x'))).toMatch(new RegExp(`^RangeError at .*${HERE}:\\d+:\\d+\\)?$`));
  });

  it('is its class if it has no frames', () => {
    const bare = new TypeError('x');
    bare.stack = '';
    expect([errorPlace(bare), errorPlace('text')]).toEqual(['TypeError', 'unknown']);
  });

  it('is found after a message that ends in a line break, or is empty', () => {
    expect(framesOf(new Error('x\n'))[0]).toContain(HERE);
    expect(framesOf(new Error(''))[0]).toContain(HERE);
  });
});
