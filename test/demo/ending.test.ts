import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endingOf, ORPHANED, signalled } from '../../src/demo/ending.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

describe('a signal', () => {
  let before: Map<string, NodeJS.SignalsListener[]>;

  beforeEach(() => {
    before = new Map(SIGNALS.map((signal) => [signal, process.listeners(signal)]));
  });

  afterEach(() => {
    for (const signal of SIGNALS) {
      for (const listener of process.listeners(signal)) {
        if (before.get(signal)?.includes(listener) !== true) process.off(signal, listener);
      }
    }
  });

  /** Calls what was added for the signal, as the signal would. */
  function deliver(signal: (typeof SIGNALS)[number]): void {
    for (const listener of process.listeners(signal)) {
      if (before.get(signal)?.includes(listener) !== true) listener(signal);
    }
  }

  it.each([
    ['Ctrl-C is the regular end of a demo that runs on', 'SIGINT', false, 0, 'Ended by Ctrl-C.'],
    ['Ctrl-C breaks a play off', 'SIGINT', true, 130, 'Ended by Ctrl-C.'],
    ['SIGTERM', 'SIGTERM', false, 143, 'Ended by SIGTERM.'],
    ['SIGTERM breaks a play off', 'SIGTERM', true, 143, 'Ended by SIGTERM.'],
    ['a terminal that closes', 'SIGHUP', false, 129, 'Ended by SIGHUP.'],
  ] as const)('%s', async (_name, signal, once, exitCode, message) => {
    const ending = signalled(once);
    deliver(signal);
    expect(await ending).toEqual({ exitCode, message });
  });

  it('counts once: the first one says how it ended', async () => {
    const ending = signalled(false);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) deliver(signal);
    expect(await ending).toMatchObject({ exitCode: 143 });
  });
});

describe('a process that ends by itself', () => {
  it('ends the demo, and says which and how', () => {
    const ending = endingOf({ name: 'gateway', how: 'SIGKILL', lastWords: [] });
    expect(ending).toEqual({ exitCode: 1, message: 'The demo ends because gateway ended unexpectedly (SIGKILL).' });
  });

  it('is quoted', () => {
    const { message } = endingOf({
      name: 'token-acquirer',
      how: 'code 2',
      lastWords: ['The configuration', 'has an error.'],
    });
    expect(message).toBe(
      'The demo ends because token-acquirer ended unexpectedly (code 2). It last wrote:\n  The configuration\n  has an error.',
    );
  });
});

it('a demo that no process is left to end does not end with success', () => {
  expect(ORPHANED.exitCode).toBe(1);
  expect(ORPHANED.message).toMatch(/has ended\.$/);
});
