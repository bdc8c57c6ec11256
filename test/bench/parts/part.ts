import { exitWithParent } from '../../../src/demo/child.ts';

export interface Answered {
  readonly id: number;
  readonly answer: unknown;
}

/**
 * Makes this process a part of a benchmark: `start` gets its instructions and says how questions are answered. Ends
 * with the benchmark.
 */
export function servePart<Instructions, Ask>(
  start: (instructions: Instructions) => Promise<{ ready: unknown; answer: (ask: Ask) => unknown }>,
): void {
  exitWithParent();
  const begin = async (instructions: Instructions): Promise<void> => {
    const { ready, answer } = await start(instructions);
    const reply = async ({ id, ask }: { id: number; ask: Ask }): Promise<void> =>
      tell({ id, answer: await answer(ask) });
    process.on('message', (question: { id: number; ask: Ask }) => void reply(question));
    tell({ id: 0, answer: ready });
  };
  process.once('message', (instructions) => void begin(instructions as Instructions));
}

function tell(answered: Answered): void {
  // Without a callback a channel that closes in the meantime would throw out of here.
  process.send?.(answered, undefined, {}, () => {});
}
