import type { Death } from './children.ts';

export interface Ending {
  readonly exitCode: number;
  /** A sentence, if the end needs an explanation. */
  readonly message?: string;
  /** Lines to print last. */
  readonly report?: readonly string[];
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Resolves on a signal that ends the demo. Ctrl-C is the regular end of a demo that runs indefinitely. */
export function signalled(once: boolean): Promise<Ending> {
  return new Promise((resolve) => {
    for (const [signal, number] of Object.entries(SIGNALS)) {
      const regular = signal === 'SIGINT' && !once;
      const message = `Ended by ${signal === 'SIGINT' ? 'Ctrl-C' : signal}.`;
      process.on(signal, () => resolve({ exitCode: regular ? 0 : 128 + number, message }));
    }
  });
}

export function endingOf({ name, how, lastWords }: Death): Ending {
  const said = lastWords.length === 0 ? '' : ` It last wrote:\n${lastWords.map((line) => `  ${line}`).join('\n')}`;
  return { exitCode: 1, message: `The demo ends because ${name} ended unexpectedly (${how}).${said}` };
}

export const ORPHANED: Ending = {
  exitCode: 1,
  message: 'The demo ends because the process that started it has ended.',
};
