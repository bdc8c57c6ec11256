import type { V1Deployment, V1ProjectedVolumeSource, V1VolumeMount } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import {
  credentialMounts,
  inSharedSecret,
  mountFaults,
  readersOf,
  unknownCredential,
} from '../../../src/adapters/kubernetes/terminal/credential-mounts.ts';

const FOLDER = '/etc/token-acquirer/credentials';
const ARGS = ['run', '--config=/etc/config.yaml', `--credentials=${FOLDER}`];

interface Parts {
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly mounts?: readonly V1VolumeMount[];
  readonly sources?: V1ProjectedVolumeSource['sources'];
}

/** A Deployment as the chart makes it, with one projected volume per credential. */
function deployment(name: string, { args = ARGS, command, mounts, sources }: Parts = {}): V1Deployment {
  const container = {
    name: 'main',
    args: [...args],
    ...(command && { command: [...command] }),
    volumeMounts: mounts ? [...mounts] : [{ name: 'credential-dynamics', mountPath: `${FOLDER}/dynamics` }],
  };
  const projected = {
    sources: sources ?? [
      { secret: { name: 'dynamics-credentials', optional: true } },
      { secret: { name: 'dynamics-interval', optional: true, items: [{ key: 'interval', path: 'interval' }] } },
    ],
  };
  const volumes = [{ name: 'credential-dynamics', projected }];
  const spec = { containers: [container], volumes };
  return { metadata: { name }, spec: { selector: {}, template: { spec } } };
}

const mounted = (...deployments: V1Deployment[]) => credentialMounts(deployments);
const all = (secret: string, credential = 'dynamics') => ({
  deployment: 'acquirer',
  credential,
  secret,
  items: undefined,
});

describe('the reader of a credential', () => {
  const known = mounted(deployment('one'), deployment('other'));

  it.each([
    [
      'each Deployment that mounts it there',
      { credential: 'dynamics', secret: 'dynamics-credentials' },
      ['one', 'other'],
    ],
    ['missing for another Secret', { credential: 'dynamics', secret: 'shared' }, []],
    ['missing for another credential', { credential: 'crm', secret: 'dynamics-credentials' }, []],
  ])('is %s', (_what, read, expected) => {
    expect(readersOf(known, read)).toEqual(expected);
  });
});

describe('the credentials volume of a token-acquirer', () => {
  it.each<[string, Parts, readonly object[]]>([
    [
      'the Secrets of the chart',
      {},
      [all('dynamics-credentials'), { ...all('dynamics-interval'), items: new Map([['interval', 'interval']]) }],
    ],
    [
      'the mounts of an argument in two words, with slashes at the end',
      {
        args: ['run', '--credentials', `${FOLDER}/`],
        mounts: [{ name: 'credential-dynamics', mountPath: `${FOLDER}/dynamics/` }],
        sources: [{ secret: { name: 'a' } }],
      },
      [all('a')],
    ],
    [
      'the mounts of the arguments in its command',
      { args: [], command: ['/usr/local/bin/token-acquirer', ...ARGS], sources: [{ secret: { name: 'a' } }] },
      [all('a')],
    ],
    [
      'the items that are projected into its root, by the first folder of each path',
      {
        mounts: [{ name: 'credential-dynamics', mountPath: FOLDER }],
        sources: [
          {
            secret: {
              name: 'all',
              items: [
                { key: 'dynamics-id', path: 'dynamics/client_id' },
                { key: 'crm-id', path: 'crm/client_id' },
              ],
            },
          },
        ],
      },
      [
        { ...all('all'), items: new Map([['dynamics-id', 'client_id']]) },
        { ...all('all', 'crm'), items: new Map([['crm-id', 'client_id']]) },
      ],
    ],
    ['no mount elsewhere', { mounts: [{ name: 'credential-dynamics', mountPath: '/etc/other' }] }, []],
    ['no mount in a folder with the same beginning', { mounts: [{ name: 'x', mountPath: `${FOLDER}-old/a` }] }, []],
    ['no mount of a missing volume', { mounts: [{ name: 'x', mountPath: `${FOLDER}/dynamics` }] }, []],
    [
      'no mount of other sources',
      { sources: [{ configMap: { name: 'a' } }, { serviceAccountToken: { path: 't' } }] },
      [],
    ],
  ])('contains %s', (_sentence, parts, mounts) => {
    expect(mounted(deployment('acquirer', parts))).toEqual({ acquirers: ['acquirer'], mounts, elsewhere: [] });
  });

  it('contains a Secret that is its own volume', () => {
    const made = deployment('acquirer');
    const volumes = [{ name: 'credential-dynamics', secret: { secretName: 'a' } }];
    Object.assign(made.spec?.template.spec ?? {}, { volumes });
    expect(mounted(made).mounts).toEqual([all('a')]);
  });
});

it.each<[string, V1Deployment]>([
  ['other arguments', deployment('app', { args: ['serve'] })],
  ['other arguments with credentials', deployment('app', { args: ['validate', `--credentials=${FOLDER}`] })],
  ['no arguments', deployment('app', { args: [] })],
  ['no specification', { metadata: { name: 'app' } }],
])('does not exist in a Deployment with %s', (_sentence, other) => {
  expect(mounted(other)).toEqual({ acquirers: [], mounts: [], elsewhere: [] });
});

describe('a written Secret', () => {
  const written = {
    namespace: 'identity',
    secret: 'dynamics-credentials',
    credential: 'dynamics',
    keys: ['client_id'],
  };
  const mapped = deployment('acquirer', {
    sources: [{ secret: { name: 'dynamics-credentials', items: [{ key: 'id', path: 'client_id' }] } }],
  });

  it.each<[string, V1Deployment[], Partial<typeof written>, string[]]>([
    ['reaches the token-acquirer that mounts it', [deployment('acquirer')], {}, []],
    ['reaches it as its interval', [deployment('acquirer')], { secret: 'dynamics-interval', keys: ['interval'] }, []],
    ['reaches one of two', [deployment('other', { mounts: [] }), deployment('acquirer')], {}, []],
    [
      'waits until a token-acquirer exists',
      [deployment('app', { args: [] })],
      {},
      [
        'There is no Deployment of a token-acquirer in the namespace identity. Nothing reads this Secret until one exists.',
      ],
    ],
    [
      'is not read if the credential comes from another Secret',
      [deployment('acquirer', { sources: [{ secret: { name: 'crm' } }] })],
      {},
      [
        'deployment/acquirer does not mount the Secret dynamics-credentials. Its credential dynamics comes from crm: name one with --secret.',
      ],
    ],
    [
      'is not read if no such credential exists',
      [deployment('acquirer')],
      { credential: 'crm', secret: 'crm-credentials' },
      ['deployment/acquirer has no credential crm, so nothing reads this Secret. Credentials: dynamics.'],
    ],
    [
      'is not read if no credential exists',
      [deployment('acquirer', { mounts: [] })],
      {},
      ['deployment/acquirer has no credential dynamics, so nothing reads this Secret. Credentials: none.'],
    ],
    [
      'is not read if the key has another name',
      [mapped],
      {},
      [
        'deployment/acquirer does not take client_id from the Secret dynamics-credentials, but client_id from the key id. Set those keys with kubectl, or name another Secret with --secret.',
      ],
    ],
    [
      'is not read if the Secret of the interval has other keys only',
      [deployment('acquirer')],
      { secret: 'dynamics-interval', keys: ['interval', 'client_id'] },
      [
        'deployment/acquirer does not take client_id from the Secret dynamics-interval, but interval from the key interval. Set those keys with kubectl, or name another Secret with --secret.',
      ],
    ],
  ])('%s', (_sentence, deployments, given, faults) => {
    expect(mountFaults(mounted(...deployments), { ...written, ...given })).toEqual(faults);
  });
});

describe('the name of a credential', () => {
  const sentence = (deployments: readonly V1Deployment[], credential: string) =>
    unknownCredential(credentialMounts(deployments), { namespace: 'identity', credential });
  /** Mounts a volume of a driver instead of a Secret. */
  function withDriver(mountPath: string): V1Deployment {
    const made = deployment('acquirer', { mounts: [{ name: 'vault', mountPath }] });
    made.spec?.template.spec?.volumes?.push({ name: 'vault', csi: { driver: 'secrets-store.csi.k8s.io' } });
    return made;
  }

  it('is rejected if no existing token-acquirer has it', () => {
    expect(sentence([deployment('one'), deployment('two')], 'dynamcis')).toBe(
      'deployment/one, deployment/two in the namespace identity has no credential of this name, so nothing was written. Credentials: dynamics. Correct the name. For a token that you add later, name its configuration with --config.',
    );
    expect(sentence([withDriver(`${FOLDER}/crm`)], 'dynamics')).toContain('Credentials: none.');
  });

  it.each<[string, readonly V1Deployment[], string]>([
    ['one of them has it', [deployment('acquirer')], 'dynamics'],
    ['no token-acquirer exists', [deployment('app', { args: ['serve'] })], 'dynamcis'],
    ['a driver provides it', [withDriver(`${FOLDER}/dynamics`)], 'dynamics'],
    ['a driver may provide any', [withDriver(FOLDER)], 'dynamics'],
  ])('is accepted if %s', (_what, deployments, credential) => {
    expect(sentence(deployments, credential)).toBeUndefined();
  });
});

describe('a credential in a Secret with many', () => {
  const shared = mounted(
    deployment('acquirer', {
      mounts: [
        { name: 'credential-dynamics', mountPath: `${FOLDER}/.shared` },
        { name: 'credential-own', mountPath: `${FOLDER}/own` },
      ],
      sources: [{ secret: { name: 'all' } }, { secret: { name: 'all-intervals' } }],
    }),
  );
  const own = { deployment: 'acquirer', credential: 'own', secret: 'own-credentials', items: undefined };
  const mounts = { ...shared, mounts: [...shared.mounts, own] };
  const written = (more: object) => ({
    namespace: 'identity',
    secret: 'crm-credentials',
    credential: 'crm',
    keys: ['client_id'],
    ...more,
  });

  it.each<[string, object, string | undefined]>([
    ['values', {}, 'all'],
    ['an interval', { secret: 'crm-interval', keys: ['interval'] }, 'all-intervals'],
    ['values by the name of that Secret', { secret: 'all' }, 'all'],
    ['nothing by the name of another Secret', { secret: 'else' }, undefined],
    ['nothing for a credential with its own Secret', { credential: 'own', secret: 'own-credentials' }, undefined],
  ])('is written as %s', (_what, more, secret) => {
    const found = inSharedSecret(mounts, written(more));
    expect(found?.secret).toBe(secret);
    if (found !== undefined) expect(found.keyOf('client_id')).toBe('crm.client_id');
  });

  it('may have any name, so no name is rejected', () => {
    expect(unknownCredential(mounts, { namespace: 'identity', credential: 'typo' })).toBeUndefined();
  });

  it('is reported as missing from another Secret, with the name of its Secret', () => {
    expect(mountFaults(mounts, written({ secret: 'else' }))).toEqual([
      'deployment/acquirer does not mount the Secret else. Its credential crm comes from all, all-intervals: name one with --secret.',
    ]);
  });
});
