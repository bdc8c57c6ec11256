import { describe, expect, it } from 'vitest';
import { isFileName, isLabel } from '../../src/core/names.ts';

describe('a DNS label', () => {
  it.each(['a', 'billing', 'team-1', '1', 'a'.repeat(63), 'a--b'])('is %j', (text) => {
    expect(isLabel(text)).toBe(true);
  });

  it.each(['', '-a', 'a-', 'A', 'a.b', 'a_b', 'a/b', '..', 'ä', 'a\n', 'a'.repeat(64)])('is not %j', (text) => {
    expect(isLabel(text)).toBe(false);
  });
});

describe('a file name', () => {
  it.each(['a', 'dynamics.json', 'CLIENT_ID', '.dockerconfigjson', '-', 'a.b.c', '__proto__', 'a'.repeat(253)])(
    'is %j',
    (text) => {
      expect(isFileName(text)).toBe(true);
    },
  );

  it.each(['', '.', '..', '..data', 'a..b', 'a/b', '/', '../a', 'a b', 'ä', 'a\0', 'a\n', 'a'.repeat(254)])(
    'is not %j',
    (text) => {
      expect(isFileName(text)).toBe(false);
    },
  );
});
