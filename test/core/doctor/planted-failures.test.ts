import { describe, expect, it } from 'vitest';
import { CHECKS, diagnose } from '../../../src/core/doctor/checks.ts';
import type { Finding } from '../../../src/core/doctor/finding.ts';
import type { Observed } from '../../../src/core/doctor/observed.ts';
import { HOUR, healthyInstallation, IN_PODS, NOW, SECRET, STORED, TOKEN } from '../../support/healthy-installation.ts';
import { ACCESS_TOKEN_PLANTS, withAccessToken } from './access-token-plants.ts';
import { CLIENT_PLANTS } from './client-plants.ts';
import { IN_POD_PLANTS, withCall, withMount, withTrial } from './in-pod-plants.ts';
import { INSTALLATION_PLANTS } from './installation-plants.ts';
import { OUTSIDE_PLANTS } from './outside-plants.ts';
import type { Plant, When } from './plant.ts';

const PLANTS: readonly Plant[] = [
  ...OUTSIDE_PLANTS,
  ...INSTALLATION_PLANTS,
  ...CLIENT_PLANTS,
  ...ACCESS_TOKEN_PLANTS,
  ...IN_POD_PLANTS,
];

/** What is found, each with the name of its check. */
function found(seen: Observed, when: When = 'after'): (Finding & { readonly check: string })[] {
  return diagnose(seen, when).flatMap(({ check, findings = [] }) =>
    findings.map((finding) => ({ check: check.name, ...finding })),
  );
}

describe('the doctor', () => {
  it.each<When>(['before', 'after'])('finds nothing in a healthy installation, %s it was made', (when) => {
    expect(found(healthyInstallation(), when)).toEqual([]);
  });

  it.each(PLANTS)('finds $what, and nothing else', ({ seen, check, says, fix, when, severity = 'error' }) => {
    const findings = found(seen, when);
    expect(findings.map((finding) => finding.check)).toEqual([check]);
    const [finding] = findings;
    expect(`${finding?.subject}: ${finding?.message}`).toMatch(says);
    expect(finding?.fix).toMatch(fix);
    expect(finding?.severity).toBe(severity);
    expect(finding?.why).toMatch(/^[A-Z].+\.$/);
  });

  it('has a planted failure for each of its checks, and at least 25', () => {
    expect(new Set(PLANTS.map(({ check }) => check))).toEqual(new Set(CHECKS.map(({ name }) => name)));
    expect(PLANTS.length).toBeGreaterThanOrEqual(25);
  });
});

describe('the doctor, without what it needs', () => {
  const skipped = (seen: Observed, when: When = 'after'): string[] =>
    diagnose(seen, when)
      .filter(({ findings }) => findings === undefined)
      .map(({ check }) => check.name);

  it('skips nothing of a healthy installation', () => {
    expect(skipped(healthyInstallation())).toEqual([]);
  });

  it('skips what depends on a configuration that has errors or is unknown', () => {
    const faulty = healthyInstallation({ configuration: { place: 'config.yaml', fault: 'It is empty.' } });
    const unknown = healthyInstallation({ tokens: [], servers: [] });
    for (const seen of [faulty, unknown]) {
      expect(skipped(seen, 'before')).toEqual(expect.arrayContaining(['server-name', 'credential-keys']));
      expect(skipped(seen, 'before')).not.toContain('configuration');
    }
  });

  it.each(['missing', 'unreadable'] as const)('skips what depends on an installation that is %s', (acquirers) => {
    const names = skipped(healthyInstallation({ cluster: { acquirers } }));
    expect(names).toEqual(expect.arrayContaining(['secret', 'lease', 'acquirer-permissions']));
    expect(names).not.toEqual(expect.arrayContaining(['server-name']));
    expect(names).not.toContain('deployment');
  });

  it('concludes nothing from what it could not read', () => {
    const { cluster } = healthyInstallation();
    const unreadable = (record: object): Record<string, 'unreadable'> =>
      Object.fromEntries(Object.keys(record).map((key) => [key, 'unreadable']));
    const seen = healthyInstallation({
      cluster: {
        namespaces: unreadable(cluster.namespaces),
        secrets: unreadable(cluster.secrets),
        accounts: unreadable(cluster.accounts),
        credentials: {
          dynamics: { isMounted: true, secret: 'dynamics-credentials', keys: 'unreadable', keyIn: {} },
        },
        pods: { billing: undefined },
        selected: {},
        policies: {},
        endpoint: 'unreadable',
        acquirerPermissions: [],
        ownPermissions: [],
      },
    });
    expect(found(seen)).toEqual([]);
    expect(found(seen, 'before')).toEqual([]);
  });
});

describe('a token without a running client app', () => {
  const seen = (writers: Record<string, string>): Observed => {
    const documents = { dynamics: { issuedAt: 0, expiresAt: 0 } };
    const secrets = { 'billing/billing-tokens': { writers, documents, isImmutable: false } };
    return healthyInstallation({ cluster: { secrets, pods: { billing: [] }, selected: {} } });
  };

  it('may be missing or expired, because it is suspended', () => {
    for (const writers of [{}, { dynamics: 'token-acquirer', 'dynamics.json': 'token-acquirer' }]) {
      expect(found(seen(writers)).map(({ check }) => check)).toEqual(['selector']);
    }
  });
});

describe('a renewal that failed', () => {
  const failure = { reason: 'StoreFailed', message: 'It is forbidden.', at: NOW - 60_000 };
  const after = (reason: string, at: number): Observed =>
    healthyInstallation({ cluster: { events: { [SECRET]: [failure, { reason, message: '', at }] } } });

  it.each(['TokenReady', 'TokenRenewed', 'TokenStored'])('is over after the event %s', (reason) => {
    expect(found(after(reason, NOW - 60_000))).toEqual([]);
  });

  it('is over after a newer token was stored', () => {
    const documents = { dynamics: { issuedAt: NOW - 1000, expiresAt: NOW + HOUR } };
    const secrets = { [SECRET]: { ...STORED, documents } };
    expect(found(healthyInstallation({ cluster: { secrets, events: { [SECRET]: [failure] } } }))).toEqual([]);
  });

  it('is the cause of a token that is missing', () => {
    const secrets = { [SECRET]: { ...STORED, writers: {}, documents: {} } };
    const seen = healthyInstallation({ cluster: { secrets, events: { [SECRET]: [failure] } } });
    expect(found(seen).map(({ check }) => check)).toEqual(['secret-keys', 'renewal']);
  });

  it('is not shown by events of other kinds', () => {
    const events = { [SECRET]: [{ ...failure, reason: 'Suspended' }] };
    expect(found(healthyInstallation({ cluster: { events } }))).toEqual([]);
  });
});

describe('a credential of which no key is needed', () => {
  it('needs no Secret', () => {
    const credentials = { dynamics: { isMounted: false, secret: 'x', keys: 'missing', keyIn: {} } } as const;
    const tokens = [{ ...TOKEN, neededKeys: [] }];
    expect(found(healthyInstallation({ tokens, needs: [], cluster: { credentials } }))).toEqual([]);
  });
});

describe('an AccessToken', () => {
  const pending = {
    status: 'Unknown',
    reason: 'Requesting',
    message: 'It is being requested.',
    isStalled: false,
  } as const;

  it.each<[string, Parameters<typeof withAccessToken>[0]]>([
    ['was made a moment ago', { changedAt: NOW - 1000, isKnown: false, ready: undefined }],
    [
      'was made a moment ago where nobody serves it yet',
      { changedAt: NOW - 1000, isKnown: false, ready: undefined, isServed: false },
    ],
    ['was edited a moment ago', { changedAt: NOW - 1000, ready: undefined }],
    ['was edited, and is served by another release', { ready: undefined, isServed: false }],
    ['is served by another release', { isServed: false }],
    [
      'is rejected by another release',
      { isServed: false, ready: { ...pending, status: 'False', reason: 'SecretTaken' } },
    ],
    ['waits for its first token', { ready: pending }],
    ['is suspended', { ready: { ...pending, status: 'False', reason: 'Suspended' } }],
    [
      'has a valid token whose renewal is tried again',
      { ready: { ...pending, status: 'True', reason: 'RenewalFailing' } },
    ],
  ])('is fine where it %s', (_what, difference) => {
    expect(found(withAccessToken(difference))).toEqual([]);
  });

  it('is not looked for where the configuration has no services', () => {
    const accessTokens = { versions: 'missing', version: 'v1alpha1', namespaces: [], items: [] } as const;
    expect(found(healthyInstallation({ accessTokens }))).toEqual([]);
  });

  it('is not judged by a definition that cannot be read', () => {
    const { accessTokens } = healthyInstallation();
    expect(found(healthyInstallation({ accessTokens: { ...accessTokens, versions: 'unreadable' } }))).toEqual([]);
  });
});

describe('what can only be found out in pods', () => {
  const uncheckedIn = (seen: Observed): (readonly [string, readonly string[]])[] =>
    diagnose(seen, 'after').flatMap(({ check, findings, unchecked }) =>
      findings?.length === 0 && unchecked.length > 0 ? [[check.name, unchecked] as const] : [],
    );

  it('is not asked unless somebody wants it', () => {
    const { inPods: _inPods, trials: _trials, ...seen } = healthyInstallation();
    const names = diagnose(seen, 'after').map(({ check }) => check.name);
    for (const name of ['mounted-file', 'endpoint-call', 'credential-trial']) expect(names).not.toContain(name);
  });

  it.each<[string, Observed, string, RegExp]>([
    [
      'a file',
      withMount({ because: 'it has no program' }),
      'mounted-file',
      /^\/var\S+ in the container app .*, because it/,
    ],
    [
      'a call',
      withCall({ because: 'it mounts no ca.crt' }),
      'endpoint-call',
      /^a call of the pod billing\/billing-1 .*ca\.crt\.$/,
    ],
    ['a refresh token', withTrial('spending'), 'credential-trial', /would spend its refresh token\.$/],
    ['a token-acquirer', withTrial('unanswered', 'no pod is ready.'), 'credential-trial', /because no pod is ready\.$/],
  ])('is no finding where %s cannot be tried', (_what, seen, check, sentence) => {
    expect(uncheckedIn(seen)).toEqual([[check, [expect.stringMatching(sentence)]]]);
    expect(found(seen)).toEqual([]);
  });

  it('allows the kubelet some time for a new token', () => {
    const document = { issuedAt: NOW - 170_000, expiresAt: NOW + HOUR, generation: 8, sha256: 'c'.repeat(64) };
    const cluster = { secrets: { [SECRET]: { ...STORED, documents: { dynamics: document } } } };
    const seen = { ...healthyInstallation({ cluster }), inPods: withMount('missing').inPods };
    expect(found(seen)).toEqual([]);
    const later = { ...seen, now: NOW + 20_000 };
    expect(found(later).map(({ check }) => check)).toEqual(['mounted-file']);
  });

  it.each<[string, Observed['cluster']['secrets'][string] | undefined, RegExp]>([
    ['that cannot be read', 'unreadable', /because you may not read the Secret billing\/billing-tokens\.$/],
    ['that was not read', undefined, /because you may not read the Secret/],
    ['that does not exist', 'missing', /because the Secret \S+ does not exist\.$/],
    ['without a document', { ...STORED, documents: {} }, /has no dynamics\.json\.$/],
    ['that is damaged', { ...STORED, documents: { dynamics: { fault: 'No.' } } }, /is damaged\.$/],
  ])('compares nothing with a Secret %s, and says so', (_what, stored, sentence) => {
    const { cluster } = healthyInstallation({ cluster: { secrets: stored === undefined ? {} : { [SECRET]: stored } } });
    const seen = { ...healthyInstallation({ cluster }), inPods: withMount('missing').inPods };
    const check = diagnose(seen, 'after').find((diagnosis) => diagnosis.check.name === 'mounted-file');
    expect(check).toMatchObject({ findings: [], unchecked: [expect.stringMatching(sentence)] });
  });

  it('names what it did not look at', () => {
    const leftOut = [{ secret: SECRET, pods: 3 }];
    const uncalled = [{ token: 'billing/billing-tokens/dynamics', because: 'no container mounts it' }];
    expect(uncheckedIn(healthyInstallation({ inPods: { ...IN_PODS, leftOut, uncalled } }))).toEqual([
      ['mounted-file', ['3 more of the pods that use the Secret billing/billing-tokens, because there are so many.']],
      ['endpoint-call', ['a call for billing/billing-tokens/dynamics, because no container mounts it.']],
    ]);
  });
});
