import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';

describe('the options of a soak', () => {
  it('are half an hour on this machine by default, with a seed by chance', () => {
    const chosen = readOptions([]);
    expect(chosen).toMatchObject({ kind: 'local', options: { minutes: 30, tokens: 60, rate: 200, lifetime: 60 } });
    expect(chosen).not.toMatchObject({ options: { seed: 0 } });
  });

  it('repeat a run by its seed', () => {
    expect(readOptions(['--seed', '7', '--minutes', '0.5'])).toMatchObject({ options: { seed: 7, minutes: 0.5 } });
  });

  it('choose what is done in the cluster', () => {
    expect(readOptions(['--cluster', '--tricks', 'pause,drain'])).toMatchObject({
      kind: 'cluster',
      options: { replicas: 2, every: 30, tricks: ['pause', 'drain'] },
    });
  });

  it.each([
    ['a number that is none', ['--minutes', 'x'], '--minutes must be a number above 0, and is x.'],
    ['an unknown trick', ['--cluster', '--tricks', 'bite'], '--tricks has "bite". Known are kill, kill-pod,'],
  ])('reject %s', (_, args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});
