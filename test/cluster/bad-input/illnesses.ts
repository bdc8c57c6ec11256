import type { TokenReport } from '../../../src/token-acquirer/endpoints/status-report.ts';
import { type Consumption, emptySecret, podOf } from './objects.ts';
import type { Place, Wanted } from './place.ts';

/** Where a Secret is: among all the others, in its own namespace, or in one that does not exist. */
export type Where = 'shared' | 'own' | 'absent';

export interface Illness {
  readonly sentence: string;
  /** Its Secret. */
  readonly secret: string;
  readonly where: Where;
  readonly selector?: string;
  /** Before the token-acquirer is started. */
  prepare?(place: Place, wanted: Wanted): Promise<unknown>;
  /** Once the token is stored; left out where the Secret is wrong from the beginning. */
  spoil?(place: Place, wanted: Wanted): Promise<unknown>;
  /** What the token-acquirer reports. */
  readonly state: TokenReport['state'];
  readonly condition: { readonly type: 'Stored' | 'ExecutionStateKnown' | 'PodsFollow'; readonly reason: string };
  says(wanted: Wanted): readonly string[];
  /** Reason of the event at its Secret; `undefined` where none can be written. */
  readonly event: string | undefined;
  /** A warning in the log next to it. */
  readonly logged?: string;
  /** Left out where the Secret stays wrong. */
  fix?(place: Place, wanted: Wanted): Promise<unknown>;
  /** Whether a selector in the configuration, that of its Secret's name, fixes it. */
  readonly reselected?: boolean;
}

const MEBIBYTE = 1024 * 1024;
const RIGHTS = ['role/token-acquirer', 'rolebinding/token-acquirer'];

const refused = { state: 'NotStored', condition: { type: 'Stored', reason: 'StoreRefused' } } as const;
const inNamespace = ({ namespace }: Wanted): string => `--namespace=${namespace}`;

async function make(place: Place, { namespace, secret }: Wanted): Promise<void> {
  await place.apply(emptySecret(namespace, secret));
}

async function makeAgain(place: Place, wanted: Wanted): Promise<void> {
  await place.kubectl('create', 'namespace', wanted.namespace);
  await make(place, wanted);
  await place.grant(wanted.namespace, wanted.secret);
}

/** Lets its deletion wait for `letGo`. */
async function hold(place: Place, wanted: Wanted, object: string): Promise<void> {
  const held = '--patch={"metadata":{"finalizers":["token-acquirer.dev/held"]}}';
  await place.kubectl('patch', object, inNamespace(wanted), '--type=merge', held);
  // Else its namespace would never go.
  place.atEnd(() => letGo(place, wanted, object).catch(() => {}));
}

async function letGo(place: Place, wanted: Wanted, object: string): Promise<void> {
  const free = '--patch={"metadata":{"finalizers":null}}';
  await place.kubectl('patch', object, inNamespace(wanted), '--type=merge', free);
}

/** A namespace is gone only when its last object is. */
async function whenGone(place: Place, wanted: Wanted): Promise<void> {
  await place.kubectl('wait', '--for=delete', `namespace/${wanted.namespace}`, '--timeout=60s');
  await makeAgain(place, wanted);
}

function forbidden({ namespace, secret }: Wanted): readonly string[] {
  return [
    `may not get secrets ${secret} in the namespace ${namespace} (403)`,
    `Allow it by a Role in the namespace ${namespace} (verb get, resource secrets, resourceNames ${secret})`,
    'missing or being deleted',
  ];
}

const missing = ({ namespace, secret }: Wanted): readonly string[] => [
  `There is no Secret ${secret} in the namespace ${namespace}`,
  `Run: kubectl create secret generic ${secret} --namespace ${namespace}.`,
];

function leftBehind(consumption: Consumption, words: readonly string[]): Illness {
  const secret = `frozen-${consumption.toLowerCase()}`;
  return {
    sentence: `is consumed by a pod through ${consumption}`,
    secret,
    where: 'shared',
    selector: `app=${secret}`,
    prepare: async (place, wanted) => {
      await make(place, wanted);
      await place.apply(podOf(wanted, consumption));
    },
    state: 'Valid',
    condition: { type: 'PodsFollow', reason: 'PodsLeftBehind' },
    says: (wanted) => [
      `The Secret ${wanted.secret} never changes for container app of pod ${wanted.secret}-${consumption.toLowerCase()}`,
      ...words,
    ],
    event: 'PodsLeftBehind',
    fix: async (place, wanted) => {
      await place.apply(podOf(wanted, 'volume'));
      const pod = `pod/${secret}-${consumption.toLowerCase()}`;
      await place.kubectl('delete', pod, inNamespace(wanted), '--grace-period=0', '--force');
    },
  };
}

const unselected: Omit<Illness, 'sentence' | 'secret'> = {
  where: 'own',
  selector: 'app in (billing',
  prepare: make,
  state: 'Valid',
  condition: { type: 'ExecutionStateKnown', reason: 'ExecutionStateUnknown' },
  says: ({ namespace }) => [
    `The pods of the namespace ${namespace} cannot be selected by "app in (billing"`,
    'may not be a label selector',
    'Correct clientApp.selector in the configuration.',
  ],
  event: 'ExecutionStateUnknown',
};

export const ILLNESSES: readonly Illness[] = [
  {
    ...refused,
    sentence: 'is missing',
    secret: 'missing',
    where: 'shared',
    says: missing,
    event: 'StoreFailed',
    // As the message has it.
    fix: (place, { namespace, secret }) =>
      place.kubectl('create', 'secret', 'generic', secret, '--namespace', namespace),
  },
  {
    ...refused,
    sentence: 'is immutable',
    secret: 'immutable',
    where: 'shared',
    prepare: (place, { namespace, secret }) => place.apply({ ...emptySecret(namespace, secret), immutable: true }),
    says: () => ['it is immutable', 'Delete it and make it again without `immutable`.'],
    event: 'StoreFailed',
    fix: async (place, wanted) => {
      await place.kubectl('delete', 'secret', wanted.secret, inNamespace(wanted));
      await make(place, wanted);
    },
  },
  {
    ...refused,
    sentence: 'has no room left for a token',
    secret: 'full',
    where: 'shared',
    prepare: (place, { namespace, secret }) => {
      const data = { filler: Buffer.alloc(MEBIBYTE - 100, 'x').toString('base64') };
      return place.apply({ ...emptySecret(namespace, secret), data });
    },
    says: () => ['1 MiB in a Secret', 'Spread the tokens over several Secrets'],
    event: 'StoreFailed',
    fix: (place, wanted) => {
      const patch = '[{"op":"remove","path":"/data/filler"}]';
      return place.kubectl('patch', 'secret', wanted.secret, inNamespace(wanted), '--type=json', `--patch=${patch}`);
    },
  },
  {
    ...refused,
    sentence: 'has no namespace',
    secret: 'nowhere',
    where: 'absent',
    says: forbidden,
    event: undefined,
    fix: makeAgain,
  },
  {
    ...refused,
    sentence: 'has a namespace that is ending, with its permissions',
    secret: 'ending',
    where: 'own',
    prepare: async (place, wanted) => {
      const metadata = { name: 'holds', namespace: wanted.namespace };
      await place.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
      await hold(place, wanted, 'configmap/holds');
      await make(place, wanted);
    },
    spoil: (place, { namespace }) => place.kubectl('delete', 'namespace', namespace, '--wait=false'),
    says: forbidden,
    event: undefined,
    fix: async (place, wanted) => {
      await letGo(place, wanted, 'configmap/holds');
      await whenGone(place, wanted);
    },
  },
  {
    ...refused,
    sentence: 'has a namespace that is ending, where the permissions are still in force',
    secret: 'ending-held',
    where: 'own',
    prepare: async (place, wanted) => {
      await make(place, wanted);
      for (const right of RIGHTS) await hold(place, wanted, right);
    },
    spoil: (place, { namespace }) => place.kubectl('delete', 'namespace', namespace, '--wait=false'),
    says: missing,
    event: undefined,
    logged: 'its namespace is being deleted',
    fix: async (place, wanted) => {
      for (const right of RIGHTS) await letGo(place, wanted, right);
      await whenGone(place, wanted);
    },
  },
  {
    ...refused,
    sentence: 'may no longer be written, because the RoleBinding was deleted',
    secret: 'withdrawn',
    where: 'own',
    prepare: make,
    spoil: (place, wanted) => place.kubectl('delete', 'rolebinding', 'token-acquirer', inNamespace(wanted)),
    says: forbidden,
    event: undefined,
    logged: 'may not create events',
    fix: (place, { namespace, secret }) => place.grant(namespace, secret),
  },
  {
    ...unselected,
    sentence: 'has a client app with a selector that is none',
    secret: 'unselected',
    fix: (place, wanted) => place.apply(podOf(wanted, 'volume')),
    reselected: true,
  },
  {
    ...unselected,
    sentence: 'has a client app with a selector that is none and stays so',
    secret: 'unselected-for-good',
  },
  leftBehind('subPath', ['mounts a file of it with subPath', 'Mount the whole volume at a directory.']),
  leftBehind('env', ['reads it into environment variables', 'Mount it as a volume.']),
  leftBehind('envFrom', ['reads it into environment variables', 'Mount it as a volume.']),
  {
    ...refused,
    sentence: 'is missing and stays so',
    secret: 'missing-for-good',
    where: 'shared',
    says: missing,
    event: 'StoreFailed',
  },
  {
    ...refused,
    sentence: 'is immutable and stays so',
    secret: 'immutable-for-good',
    where: 'shared',
    prepare: (place, { namespace, secret }) => place.apply({ ...emptySecret(namespace, secret), immutable: true }),
    says: () => ['it is immutable'],
    event: 'StoreFailed',
  },
  {
    ...refused,
    sentence: 'has no namespace, nor has its client app',
    secret: 'nowhere-for-good',
    where: 'absent',
    selector: 'app=billing',
    says: forbidden,
    event: undefined,
  },
];

export const HEALTHY: readonly Pick<Illness, 'secret' | 'selector'>[] = [
  { secret: 'healthy' },
  { secret: 'healthy-mounted', selector: 'app=healthy-mounted' },
];
