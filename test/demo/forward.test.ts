import { describe, expect, it } from 'vitest';
import { endToEnd } from '../../src/demo/forward.ts';

describe('the headers that go on', () => {
  it.each([
    ['those for the other end', { accept: ['*/*'], 'x-one': ['1', '2'] }, { accept: ['*/*'], 'x-one': ['1', '2'] }],
    ['several cookies apart', { 'set-cookie': ['a=1', 'b=2'] }, { 'set-cookie': ['a=1', 'b=2'] }],
    ['lengths', { 'content-length': ['3'] }, { 'content-length': ['3'] }],
  ])('%s', (_name, headers, expected) => {
    expect(endToEnd(headers)).toEqual(expected);
  });

  it.each([
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-authorization',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ])('not %s, which concerns one connection', (name) => {
    expect(endToEnd({ [name]: ['x'], accept: ['*/*'] })).toEqual({ accept: ['*/*'] });
  });

  it.each([
    ['one', ['x-private'], ['x-private']],
    ['several in one header', ['x-private, X-Other'], ['x-private', 'x-other']],
    ['several headers, in any letter case', ['X-PRIVATE', ' x-other ,close'], ['x-private', 'x-other', 'close']],
  ])('not what Connection names: %s', (_name, connection, named) => {
    const headers = Object.fromEntries(named.map((name) => [name, ['x']]));
    expect(endToEnd({ connection, ...headers, 'x-kept': ['y'] })).toEqual({ 'x-kept': ['y'] });
  });

  it('omit one without a value', () => {
    expect(endToEnd({ accept: undefined })).toEqual({});
  });
});
