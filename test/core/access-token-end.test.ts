import { describe, expect, it } from 'vitest';
import { changedFinalizers, decideFinalizer, FINALIZER, hasFinalizer } from '../../src/core/access-token-end.ts';

const OURS = [FINALIZER];
const OTHERS = ['example.com/backup'];

describe('the finalizer of an AccessToken', () => {
  it.each([
    ['is set where the spec asks for a revocation', { finalizers: undefined, revokes: true }, 'set'],
    ['is set next to one of somebody else', { finalizers: OTHERS, revokes: true }, 'set'],
    ['stays where the spec asks for a revocation', { finalizers: OURS, revokes: true }, 'nothing'],
    ['is removed when the spec no longer asks for it', { finalizers: OURS, revokes: false }, 'remove'],
    ['is never set without that', { finalizers: undefined, revokes: false }, 'nothing'],
    ['stays while no spec is in force', { finalizers: OURS, revokes: undefined }, 'nothing'],
    ['is not set while no spec is in force', { finalizers: OTHERS, revokes: undefined }, 'nothing'],
  ])('%s', (_, { finalizers, revokes }, decision) => {
    expect(decideFinalizer({ resource: { finalizers }, revokes, isOver: false })).toBe(decision);
  });

  it.each([
    ['is waited for', OURS, false, 'revoke'],
    ['is removed once the token was revoked, or is left', OURS, true, 'remove'],
    ["is somebody else's", OTHERS, true, 'nothing'],
    ['does not exist', undefined, false, 'nothing'],
  ])('%s when the AccessToken is deleted', (_, finalizers, isOver, decision) => {
    for (const revokes of [true, false, undefined])
      expect(decideFinalizer({ resource: { isDeleting: true, finalizers }, revokes, isOver })).toBe(decision);
  });

  it('leaves those of others in their order', () => {
    expect(changedFinalizers(OTHERS, true)).toEqual([...OTHERS, FINALIZER]);
    expect(changedFinalizers([FINALIZER, ...OTHERS], true)).toEqual([...OTHERS, FINALIZER]);
    expect(changedFinalizers([FINALIZER, ...OTHERS], false)).toEqual(OTHERS);
    expect(hasFinalizer({ finalizers: OTHERS })).toBe(false);
  });
});
