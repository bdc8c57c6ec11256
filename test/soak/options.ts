import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export const HELP = `Runs everything together, with random disturbances under steady calls, and judges it.

  npm run soak -- --minutes 30      on this machine, without a cluster
  npm run soak -- --seed 7          the disturbances of an earlier run
  npm run soak -- --tokens 60 --rate 200 --lifetime 60   tokens, calls a second, seconds that a token lives
  npm run soak -- --output FOLDER   where soak.json and soak.svg go; by default a new folder in the temporary files

It ends with 1 if a rule was broken. Ctrl-C ends it with the table so far.
`;

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly tokens: number;
  readonly rate: number;
  readonly lifetime: number;
  readonly output: string | undefined;
}

/** Throws an Error whose message is for the user. */
export function readOptions(args: readonly string[]): SoakOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean' },
      minutes: text,
      seed: text,
      tokens: text,
      rate: text,
      lifetime: text,
      output: text,
    },
  });
  if (values.help === true) return 'help';
  return {
    minutes: positive('--minutes', values.minutes, 30),
    seed: Math.floor(positive('--seed', values.seed, randomInt(1, 1_000_000))),
    tokens: Math.ceil(positive('--tokens', values.tokens, 60)),
    rate: positive('--rate', values.rate, 200),
    lifetime: Math.ceil(positive('--lifetime', values.lifetime, 60)),
    output: values.output,
  };
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} must be a number above 0, and is ${text}.`);
  return value;
}
