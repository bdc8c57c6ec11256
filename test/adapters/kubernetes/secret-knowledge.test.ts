import { describe, expect, it } from 'vitest';
import { SecretKnowledge } from '../../../src/adapters/kubernetes/secrets/secret-knowledge.ts';

const [ONE, OTHER] = ['one.json', 'other.json'];

function contents(version: string | undefined, data: Readonly<Record<string, string>>) {
  return { version, data: new Map(Object.entries(data)) };
}

/** Reads it for these documents; each token has only this key. */
function read(
  knowledge: SecretKnowledge,
  of: ReturnType<typeof contents>,
  documents: readonly string[],
  since = knowledge.changes,
): void {
  for (const key of documents) knowledge.read(of, [key], [key, key.replace('.json', '')], since);
}

function write(knowledge: SecretKnowledge, value: string | undefined, tested: string | undefined, made: string): void {
  const values = new Map([
    [ONE, value],
    ['one', value],
  ]);
  knowledge.written([{ documents: [ONE], values }], { tested, made });
}

/** Two tokens were read in version 10. */
function known(): SecretKnowledge {
  const knowledge = new SecretKnowledge();
  read(knowledge, contents('10', { [ONE]: 'a', [OTHER]: 'b' }), [ONE, OTHER]);
  return knowledge;
}

describe('what is known of a Secret', () => {
  it('is nothing at first', () => {
    const knowledge = new SecretKnowledge();
    expect([knowledge.covers([]), knowledge.isWhole(ONE), knowledge.continues('10')]).toEqual([false, false, false]);
  });

  it('stays true over a patch that tested its version', () => {
    const knowledge = known();
    write(knowledge, 'c', '10', '11');
    expect(knowledge.snapshot).toEqual({ version: '11', isEmpty: false });
    expect([knowledge.isWhole(ONE), knowledge.isWhole(OTHER)]).toEqual([true, true]);
    expect(['10', '11', '12'].map((version) => knowledge.continues(version))).toEqual([true, true, false]);
    expect(knowledge.isAsKnown(ONE, contents('11', { [ONE]: 'c' }))).toBe(true);
  });

  it('is no news in a watch that lags behind its patches', () => {
    const knowledge = known();
    write(knowledge, 'c', '10', '11');
    write(knowledge, 'd', '11', '12');
    for (const version of ['10', '11', '12']) expect(knowledge.knows(version, ONE)).toBe(true);
    expect(knowledge.knows('9', ONE)).toBe(false);
  });

  it('is only the documents of a patch that tested no version', () => {
    const knowledge = known();
    write(knowledge, 'c', undefined, '12');
    expect(knowledge.covers([ONE])).toBe(false);
    expect(knowledge.isAsKnown(ONE, contents('12', { [ONE]: 'c' }))).toBe(true);
    expect(knowledge.knows('12', OTHER)).toBe(true);
  });

  it('includes all tokens that a foreign change left whole, whichever of them it was read for', () => {
    const knowledge = known();
    read(knowledge, contents('12', { [ONE]: 'a', [OTHER]: 'b', note: 'x' }), [ONE]);
    expect([knowledge.isWhole(ONE), knowledge.isWhole(OTHER)]).toEqual([true, true]);
  });

  it.each([
    ['edited', 'x'],
    ['emptied', ''],
  ])('does not include a token of which another key was %s', (_what, value) => {
    const knowledge = known();
    read(knowledge, contents('12', { [ONE]: 'a', [OTHER]: 'b', other: value }), [ONE]);
    expect([knowledge.isWhole(ONE), knowledge.isWhole(OTHER)]).toEqual([true, false]);
    expect([knowledge.isForeign(OTHER), knowledge.covers([ONE, OTHER])]).toEqual([false, true]);
  });

  it('does not include a document that another process wrote, until its token reads it', () => {
    const knowledge = known();
    const changed = contents('12', { [ONE]: 'a', [OTHER]: 'of another process' });
    read(knowledge, changed, [ONE]);
    expect([knowledge.isForeign(OTHER), knowledge.isAsKnown(OTHER, changed)]).toEqual([true, false]);
    read(knowledge, changed, [OTHER]);
    expect([knowledge.isForeign(OTHER), knowledge.isAsKnown(OTHER, changed)]).toEqual([false, true]);
  });

  it('is not set back by a read that a write has overtaken', () => {
    const knowledge = known();
    const began = knowledge.changes;
    write(knowledge, 'c', '10', '11');
    read(knowledge, contents('10', { [ONE]: 'a', [OTHER]: 'b' }), [ONE, OTHER], began);
    expect(knowledge.snapshot?.version).toBe('11');
    expect(knowledge.isAsKnown(ONE, contents('11', { [ONE]: 'c' }))).toBe(true);
    write(knowledge, 'd', undefined, '13');
    read(knowledge, contents('12', { [ONE]: 'c', [OTHER]: 'b' }), [OTHER], began);
    expect([knowledge.snapshot, knowledge.isWhole(OTHER)]).toEqual([undefined, false]);
  });

  it('is what a read found that was faster than the answer to a write', () => {
    const knowledge = known();
    read(knowledge, contents('11', { [ONE]: 'c', [OTHER]: 'b' }), [OTHER]);
    write(knowledge, 'c', '10', '11');
    expect(knowledge.snapshot?.version).toBe('11');
    expect([knowledge.isWhole(ONE), knowledge.isWhole(OTHER)]).toEqual([true, true]);
  });

  it('is nothing of a document whose write has an unknown end', () => {
    const knowledge = known();
    knowledge.forget([ONE]);
    expect([knowledge.has(ONE), knowledge.has(OTHER), knowledge.covers([OTHER])]).toEqual([false, true, false]);
  });

  it('ends with the news of a version that is not older', () => {
    const knowledge = known();
    expect([knowledge.knows('9', ONE), knowledge.isWhole(ONE)]).toEqual([false, true]);
    expect([knowledge.knows('10', ONE), knowledge.isWhole(ONE)]).toEqual([true, true]);
    expect([knowledge.knows('100', ONE), knowledge.isWhole(ONE)]).toEqual([false, false]);
  });

  it('does not say whether a Secret is empty after keys were removed', () => {
    const knowledge = known();
    write(knowledge, undefined, '10', '11');
    expect(knowledge.snapshot).toEqual({ version: '11', isEmpty: undefined });
    expect(knowledge.covers([ONE])).toBe(false);
  });

  it('includes no version without a resourceVersion', () => {
    const knowledge = new SecretKnowledge();
    read(knowledge, contents(undefined, { [ONE]: 'a' }), [ONE]);
    expect([knowledge.snapshot, knowledge.isAsKnown(ONE, contents(undefined, { [ONE]: 'a' }))]).toEqual([
      undefined,
      true,
    ]);
  });
});
