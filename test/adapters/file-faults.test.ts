import { describe, expect, it } from 'vitest';
import { storeFault, unless } from '../../src/adapters/fs/file-faults.ts';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import { failure } from '../support/failure.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: what the system said of /a/b`), { code });
}

describe('the StoreError for an error of the file system', () => {
  it.each([
    ['EACCES', 'permission is denied', true],
    ['EPERM', 'permission is denied', true],
    ['EROFS', 'its file system is read-only', true],
    ['ENOTDIR', 'a part of its path is no directory', true],
    ['EISDIR', 'a part of its path is no directory', true],
    ['ENAMETOOLONG', 'its path is too long', true],
    ['ENOSPC', 'no space is left there', false],
    ['EDQUOT', 'no space is left there', false],
    ['EMFILE', 'too many files are open', false],
    ['ENFILE', 'too many files are open', false],
    ['EIO', 'its disk or file server failed', false],
    ['ESTALE', 'its disk or file server failed', false],
    ['ENOMEM', 'the system is short of memory or busy', false],
    ['EAGAIN', 'the system is short of memory or busy', false],
    ['ELOOP', 'the system rejected it', false],
    ['ENOENT', 'the system rejected it', false],
  ])('describes %s as "%s", permanent: %s', (code, reason, permanent) => {
    const fault = storeFault('The token directory /a cannot be written', systemError(code));
    expect(fault).toBeInstanceOf(StoreError);
    expect((fault as StoreError).permanent).toBe(permanent);
    expect(messageOf(fault)).toMatch(/^The token directory \/a cannot be written: .* \([A-Z]+\)\. [A-Z].*\.$/);
    expect(messageOf(fault)).toContain(`${reason} (${code}).`);
    expect(messageOf(fault)).not.toContain('what the system said');
  });

  it.each([
    ['a StoreError', new StoreError('It has a sentence already.')],
    ['an error outside the file system', new TypeError('A mistake in the code.')],
    ['a text', 'a text'],
  ])('is not made from %s', (_what, error) => {
    expect(storeFault('The head', error)).toBe(error);
  });
});

describe('an operation with excused errors', () => {
  it('returns its value, returns nothing for an excused error, and throws any other error', async () => {
    expect(await unless(['ENOENT'], Promise.resolve(7))).toBe(7);
    expect(await unless(['ENOENT', 'EINVAL'], Promise.reject(systemError('EINVAL')))).toBeUndefined();
    expect(messageOf(await failure(unless(['ENOENT'], Promise.reject(systemError('EIO')))))).toContain('EIO');
    const mistake = new TypeError('A mistake in the code.');
    expect(await failure(unless([''], Promise.reject(mistake)))).toBe(mistake);
  });
});
