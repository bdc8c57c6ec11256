import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { TRICKS, type Trick } from './cluster/duck.ts';

export const HELP = `Runs everything together, with random disturbances under steady calls, and judges it.

  npm run soak -- --minutes 30      on this machine, without a cluster
  npm run soak -- --seed 7          the disturbances of an earlier run
  npm run soak -- --tokens 60 --rate 200 --lifetime 60   tokens, calls a second, seconds that a token lives
  npm run soak -- --output FOLDER   where soak.json and soak.svg go; by default a new folder in the temporary files

  npm run soak -- --cluster         two replicas in a Kubernetes node of this run; the leader is killed every 30 s
  npm run soak -- --cluster --every 30 --replicas 2 --tricks kill,kill-pod
                                    what is done to the leader, in turns, and how many seconds apart: ${TRICKS.join(', ')}

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

/** Of a soak in the cluster. */
export interface ClusterSoakOptions {
  readonly minutes: number;
  readonly tokens: number;
  readonly rate: number;
  /** Seconds between two tricks. */
  readonly every: number;
  readonly replicas: number;
  readonly tricks: readonly Trick[];
  readonly output: string | undefined;
}

export type ChosenSoak =
  | { readonly kind: 'local'; readonly options: SoakOptions }
  | { readonly kind: 'cluster'; readonly options: ClusterSoakOptions };

/** Throws an Error whose message is for the user. */
export function readOptions(args: readonly string[]): ChosenSoak | 'help' {
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
      cluster: { type: 'boolean' },
      every: text,
      replicas: text,
      tricks: text,
    },
  });
  if (values.help === true) return 'help';
  const common = {
    minutes: positive('--minutes', values.minutes, 30),
    rate: positive('--rate', values.rate, 200),
    output: values.output,
  };
  if (values.cluster === true) {
    const tricks = (values.tricks ?? 'kill,kill-pod').split(',').map(trickOf);
    const options = {
      ...common,
      tokens: Math.ceil(positive('--tokens', values.tokens, 20)),
      every: positive('--every', values.every, 30),
      replicas: Math.ceil(positive('--replicas', values.replicas, 2)),
      tricks,
    };
    return { kind: 'cluster', options };
  }
  const options = {
    ...common,
    seed: Math.floor(positive('--seed', values.seed, randomInt(1, 1_000_000))),
    tokens: Math.ceil(positive('--tokens', values.tokens, 60)),
    lifetime: Math.ceil(positive('--lifetime', values.lifetime, 60)),
  };
  return { kind: 'local', options };
}

function trickOf(text: string): Trick {
  const trick = TRICKS.find((known) => known === text);
  if (trick === undefined) throw new Error(`--tricks has ${JSON.stringify(text)}. Known are ${TRICKS.join(', ')}.`);
  return trick;
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} must be a number above 0, and is ${text}.`);
  return value;
}
