import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessToken, AccessTokenSpec } from '../../src/core/access-token.ts';
import { FINALIZER } from '../../src/core/access-token-end.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { type ChainPlace, makePlace } from '../charts/chain-place.ts';
import { CHART } from '../charts/chart.ts';
import { releaseCommands } from '../charts/release.ts';
import { until } from '../support/until.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { failedOutput } from './command.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const RELEASE = 'token-acquirer';
const MINUTE = 60_000;
const TOKEN_TYPE = 'token-acquirer.dev/token';
const BINDING = 'validatingadmissionpolicybinding';

type Spec = Partial<AccessTokenSpec>;

/** Which bound each of these keeps to or breaks is the same for the policy and the program. */
const ALIKE: readonly [string, Spec][] = [
  ['nothing but the service', {}],
  ['a service that does not exist', { service: 'nothing' }],
  ['a service that does not exist, with a scope', { service: 'nothing', scope: 'read' }],
  ['a service of another namespace', { service: 'ledger' }],
  ['a service of another namespace, within its bounds', { service: 'ledger', scope: 'book' }],
  ['the beginning of the name of a service', { service: 'dynamic' }],
  ['a name that every object has', { service: 'constructor' }],
  ['one allowed scope', { scope: 'read' }],
  ['all allowed scopes, in another order', { scope: 'write base read' }],
  ['the scope of the service', { scope: 'base' }],
  ['an empty scope', { scope: '' }],
  ['a scope of spaces', { scope: '   ' }],
  ['allowed scopes between all kinds of white space', { scope: '\tread\u00a0\u3000write\n\u2028base\v' }],
  ['one allowed scope, and one other', { scope: 'read admin' }],
  ['several other scopes', { scope: 'admin read  root' }],
  ['a part of a scope', { scope: 'rea' }],
  ['a scope in other letters', { scope: 'READ' }],
  ['two scopes with a comma', { scope: 'read,write' }],
  ['a scope, where the service has none', { service: 'plain', scope: 'read' }],
  ['an interval that is as short as allowed', { renewal: { interval: '90s' } }],
  ['an interval that is as short as allowed, of several parts', { renewal: { interval: '1m29.5s500ms' } }],
  ['a shorter interval', { renewal: { interval: '89.999s' } }],
  ['a shorter interval, of a day', { renewal: { interval: '0.001d' } }],
  ['a longer interval, of a day', { renewal: { interval: '0.5d' } }],
  ['an interval of zero', { renewal: { interval: '0s' } }],
  ['an interval of more than a thousand years', { renewal: { interval: '400000d' } }],
  ['an interval of a thousand years', { renewal: { interval: '366000d' } }],
  ['a minute, where the service says nothing', { service: 'plain', renewal: { interval: '1m' } }],
  ['less than a minute, where the service says nothing', { service: 'plain', renewal: { interval: '59s' } }],
  ['a part of the lifetime', { renewal: { at: '1%' } }],
  ['a revocation at the end', { revokeOnDelete: true }],
  ['no revocation at the end', { revokeOnDelete: false }],
  ['a revocation at the end, where the service allows it', { service: 'plain', revokeOnDelete: true }],
  ['the Secret of a token of the configuration', { secretName: 'billing-tokens' }],
  ['a similar Secret', { secretName: 'billing-token' }],
  ['two things that are wrong', { scope: 'admin', renewal: { interval: '1s' } }],
];

interface Cell {
  readonly attempt: string;
  readonly spec: Spec;
  /** Where the AccessToken is: by default where the service is open. */
  readonly at?: 'stranger' | 'neighbour';
  readonly metadata?: object;
  /** What `kubectl apply` answers with the policy; `undefined` where admission cannot know it. */
  readonly answer: string | undefined;
  /** What `kubectl apply` answers without the policy, where that rejects it, too. */
  readonly anyway?: string;
  /** The reason in the status, where it was applied; `none` where nobody looks at it. */
  readonly reason?: string;
}

/** What a person with the role `edit` in a namespace tries, to get what no service gives. */
const MATRIX: readonly Cell[] = [
  {
    attempt: 'another namespace, which no service names',
    at: 'stranger',
    spec: {},
    answer: 'There is no service dynamics for the namespace',
    reason: 'none',
  },
  {
    attempt: "another team's namespace",
    at: 'neighbour',
    spec: { service: 'ledger' },
    answer: 'cannot get resource "accesstokens"',
    anyway: 'cannot get resource "accesstokens"',
  },
  {
    attempt: 'a service of another namespace',
    spec: { service: 'ledger' },
    answer: 'There is no service ledger for the namespace',
    reason: 'ServiceUnknown',
  },
  {
    attempt: 'a service that does not exist',
    spec: { service: 'nothing' },
    answer: 'There is no service nothing for the namespace',
    reason: 'ServiceUnknown',
  },
  {
    attempt: 'a wider scope',
    spec: { scope: 'read admin' },
    answer: 'The service does not allow the scope admin. Correct spec.scope; allowed are: read, write, base.',
    reason: 'ScopeNotAllowed',
  },
  {
    attempt: 'a shorter interval',
    spec: { renewal: { interval: '10s' } },
    answer: 'The interval 10s is shorter than 90s, which the service allows.',
    reason: 'IntervalNotAllowed',
  },
  {
    attempt: 'a revocation at the end',
    spec: { revokeOnDelete: true },
    answer: 'The service does not allow its tokens to be revoked.',
    reason: 'RevocationNotAllowed',
  },
  {
    attempt: 'the Secret of a token of the configuration',
    spec: { secretName: 'billing-tokens' },
    answer: 'belongs to a token of the configuration.',
    reason: 'SecretTaken',
  },
  {
    attempt: 'the Secret of another AccessToken',
    spec: { secretName: 'first' },
    answer: undefined,
    reason: 'SecretTaken',
  },
  {
    attempt: 'a Secret of the right type that somebody made',
    spec: { secretName: 'typed' },
    answer: undefined,
    reason: 'SecretTaken',
  },
  {
    attempt: 'a Secret with a foreign owner',
    spec: { secretName: 'owned' },
    answer: undefined,
    reason: 'SecretTaken',
  },
  {
    attempt: 'a Secret of another namespace',
    spec: { secretName: 'neighbour/book' },
    answer: 'spec.secretName',
    anyway: 'spec.secretName',
  },
  {
    attempt: 'a ServiceAccount of another namespace',
    spec: { serviceAccounts: ['system:serviceaccount:neighbour:app'] },
    answer: 'spec.serviceAccounts[0]',
    anyway: 'spec.serviceAccounts[0]',
  },
  {
    attempt: 'the client app of another namespace',
    spec: { clientApp: { selector: 'app=ledger', namespace: 'neighbour' } as { selector: string } },
    answer: 'unknown field "spec.clientApp.namespace"',
    anyway: 'unknown field "spec.clientApp.namespace"',
  },
  {
    attempt: 'a service of another namespace, with labels that name it',
    spec: { service: 'ledger' },
    metadata: {
      labels: { 'kubernetes.io/metadata.name': 'neighbour', 'app.kubernetes.io/managed-by': 'token-acquirer' },
      annotations: { 'token-acquirer.dev/serves-namespaces': 'neighbour' },
    },
    answer: 'There is no service ledger for the namespace',
    reason: 'ServiceUnknown',
  },
];

describeInCluster(
  'What an AccessToken may not have',
  (cluster: () => TestCluster) => {
    let place: ChainPlace;
    let values: Record<string, unknown>;
    let neighbour: TestNamespace;
    let stranger: TestNamespace;
    let made = 0;
    const release = releaseCommands(() => ({ cluster: cluster(), place, values }));
    const kubectl = (...args: string[]): Promise<string> => cluster().kubectl([`--namespace=${place.client}`, ...args]);
    const asTeam = (): string => `--as=system:serviceaccount:${place.client}:team`;
    const namespaceOf = (at?: Cell['at']): string =>
      at === undefined ? place.client : (at === 'stranger' ? stranger : neighbour).name;

    function manifest(name: string, spec: Spec, { at, metadata }: Partial<Cell> = {}): string {
      return JSON.stringify({
        apiVersion: 'token-acquirer.dev/v1alpha1',
        kind: 'AccessToken',
        metadata: { name, namespace: namespaceOf(at), ...metadata },
        spec: { service: 'dynamics', ...spec },
      });
    }

    const apply = (text: string, ...args: string[]): Promise<string> =>
      cluster().kubectl(['apply', '--filename=-', asTeam(), ...args], text);
    const isBounded = async (isEnabled: boolean): Promise<boolean> => {
      const output = await failedOutput(apply(manifest('probe', { service: 'nothing' }), '--dry-run=server'));
      return isEnabled ? output.includes('There is no service nothing') : output === '';
    };
    const ready = (name: string, at?: Cell['at']): Promise<string> =>
      cluster().kubectl([
        'get',
        'at',
        name,
        `--namespace=${namespaceOf(at)}`,
        '--output=jsonpath={.status.conditions[?(@.type=="Ready")].reason}',
      ]);
    const secrets = (at?: Cell['at']): Promise<string> =>
      cluster().kubectl([
        'get',
        'secrets',
        `--namespace=${namespaceOf(at)}`,
        '--output=jsonpath={range .items[*]}{.metadata.name} {.data}{"\\n"}{end}',
      ]);

    async function useBounds(isEnabled: boolean): Promise<void> {
      values = { ...values, accessTokens: { policy: { enabled: isEnabled } } };
      await release.run('upgrade', RELEASE, CHART, '--values=-', '--install');
      await until('The other policy', () => isBounded(isEnabled), MINUTE);
    }

    function serviceFor(namespace: string, bounds: object = {}): object {
      return {
        authorizationServer: 'corporate',
        credential: 'dynamics',
        grant: 'client_credentials',
        namespaces: [namespace],
        ...bounds,
      };
    }

    beforeAll(async () => {
      place = await makePlace(cluster());
      neighbour = await cluster().namespace('neighbour');
      stranger = await cluster().namespace('stranger');
      for (const namespace of [place.client, stranger.name])
        await cluster().kubectl([
          'create',
          'rolebinding',
          'team',
          '--clusterrole=edit',
          `--serviceaccount=${place.client}:team`,
          `--namespace=${namespace}`,
        ]);
      const given = place.values as { config: object };
      const services = {
        dynamics: serviceFor(place.client, { scope: 'base', scopes: ['read', 'write'], shortestInterval: '90s' }),
        plain: serviceFor(place.client, { allowRevokeOnDelete: true }),
        ledger: serviceFor(neighbour.name, { scopes: ['book'] }),
      };
      values = { ...given, config: { ...given.config, services } };
      await useBounds(true);
      await release.rolledOut(RELEASE, '120s');
      await prepareSecrets();
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      if (place === undefined) return;
      await release.run('uninstall', RELEASE, '--ignore-not-found');
      await cluster().kubectl(['delete', '--ignore-not-found', 'crd', 'accesstokens.token-acquirer.dev']);
      await Promise.all([place, neighbour, stranger].map((one) => one.remove()));
    }, 2 * MINUTE);

    /** Secrets that an AccessToken may not have, and one AccessToken that has its own. */
    async function prepareSecrets(): Promise<void> {
      await apply(manifest('first', {}));
      await kubectl('wait', '--for=condition=Ready', 'accesstoken/first', '--timeout=60s');
      const uid = await kubectl('get', 'at', 'first', '--output=jsonpath={.metadata.uid}');
      const owner = { apiVersion: 'token-acquirer.dev/v1alpha1', kind: 'AccessToken', name: 'first', uid };
      const labels = {
        'app.kubernetes.io/managed-by': 'token-acquirer',
        'app.kubernetes.io/part-of': 'token-acquirer',
      };
      for (const metadata of [
        { name: 'typed', labels },
        { name: 'owned', labels, ownerReferences: [owner] },
      ])
        await apply(
          JSON.stringify({ apiVersion: 'v1', kind: 'Secret', type: TOKEN_TYPE, metadata, data: { key: 'a2VwdA==' } }),
          `--namespace=${place.client}`,
        );
    }

    const probe = (spec: Spec): AccessToken => ({
      namespace: place.client,
      name: 'probe',
      uid: 'probe',
      generation: 1,
      createdAt: 0,
      spec: { service: 'dynamics', ...spec },
      status: {},
    });

    let configuration: Promise<string> | undefined;

    async function programSays(spec: Spec): Promise<string> {
      const path = '--output=jsonpath={.data.config\\.yaml}';
      configuration ??= release.kubectl('get', 'configmap', `${RELEASE}-config`, path);
      const { services } = parseConfiguration(await configuration, '/etc/token-acquirer/config/config.yaml');
      const [judgement] = services.judge([probe(spec)]);
      return judgement?.kind === 'rejected' ? judgement.message : '';
    }

    async function policySays(spec: Spec): Promise<string> {
      const output = await failedOutput(apply(manifest('probe', spec), '--dry-run=server'));
      return output.replace(/^[\s\S]*denied request: /, '').trim();
    }

    it.each(ALIKE)('is the same for the policy and the program: %s', async (_, spec) => {
      expect(await policySays(spec)).toBe(await programSays(spec));
    });

    /** Applies each AccessToken, and checks that no Secret changes. */
    async function attempt(cell: Cell, expected: string | undefined): Promise<void> {
      made += 1;
      const name = `cell-${made}`;
      const before = await secrets(cell.at);
      const output = await failedOutput(apply(manifest(name, cell.spec, cell)));
      if (expected === undefined) {
        expect(output).toBe('');
        const reason = cell.reason ?? '';
        if (reason === 'none') expect(await ready(name, cell.at)).toBe('');
        else await until(`${reason} in the status of ${name}`, async () => (await ready(name)) === reason, MINUTE);
        // What the status does not say would have happened before it.
        expect(await secrets(cell.at)).toBe(before);
        if (reason !== 'none') await kubectl('delete', 'at', name, asTeam());
        return;
      }
      expect(output).toContain(expected);
      expect(await secrets(cell.at)).toBe(before);
    }

    describe.each([true, false])('with the policy: %s', (isEnabled) => {
      beforeAll(() => useBounds(isEnabled), 5 * MINUTE);

      it.each(MATRIX)('is $attempt', (cell) => attempt(cell, isEnabled ? cell.answer : cell.anyway));

      it('is a namespace of another name, by its label', async () => {
        const label = [
          'label',
          'namespace',
          stranger.name,
          `kubernetes.io/metadata.name=${place.client}`,
          '--overwrite',
        ];
        expect(await failedOutput(kubectl(...label, asTeam()))).toContain('cannot patch resource "namespaces"');
      });

      it('is a forged status, which says that the Secret is claimed', async () => {
        const patch = ['patch', 'at', 'first', '--subresource=status', '--type=merge'];
        const status = JSON.stringify({ status: { secretName: 'typed' } });
        expect(await failedOutput(kubectl(...patch, `--patch=${status}`, asTeam()))).toContain(
          'resource "accesstokens/status"',
        );
      });

      it('is another service, after it was deleted and made again', async () => {
        const name = `again-${String(isEnabled)}`;
        await apply(manifest(name, {}));
        await kubectl('wait', '--for=condition=Ready', `accesstoken/${name}`, '--timeout=60s');
        const wrong = manifest(name, { service: 'ledger' });
        expect(await failedOutput(apply(wrong))).not.toBe('');
        await kubectl('delete', 'at', name, asTeam());
        const output = await failedOutput(apply(wrong));
        if (isEnabled) expect(output).toContain('There is no service ledger for the namespace');
        else await until('The reason', async () => (await ready(name)) === 'ServiceUnknown', MINUTE);
        const isGone = async (): Promise<boolean> =>
          (await kubectl('get', 'secret', name, '--ignore-not-found')) === '';
        await until('The end of the Secret', isGone, MINUTE);
        if (!isEnabled) await kubectl('delete', 'at', name, asTeam());
      });
    });

    it('gets none of its labels, annotations and owners into its Secret', async () => {
      const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'kube-root-ca.crt' };
      const uid = await kubectl('get', 'configmap', owner.name, '--output=jsonpath={.metadata.uid}');
      const metadata = {
        labels: { trick: 'label' },
        annotations: { 'reflector.v1.k8s.emberstack.com/reflection-allowed': 'true' },
        ownerReferences: [{ ...owner, uid }],
      };
      await apply(manifest('tricky', {}, { metadata }));
      await kubectl('wait', '--for=condition=Ready', 'accesstoken/tricky', '--timeout=60s');
      const secret = JSON.parse(await kubectl('get', 'secret', 'tricky', '--output=json')) as {
        metadata: { labels: object; annotations?: object; ownerReferences: { kind: string; name: string }[] };
      };
      expect(secret.metadata.labels).not.toHaveProperty('trick');
      expect(Object.keys(secret.metadata.annotations ?? {}).filter((key) => key.startsWith('reflector'))).toEqual([]);
      expect(secret.metadata.ownerReferences.map(({ kind, name }) => `${kind}/${name}`)).toEqual([
        'AccessToken/tricky',
      ]);
      await kubectl('delete', 'at', 'tricky', asTeam());
    });

    it('does not keep it from being annotated, finalized and deleted, where it is older than the policy', async () => {
      await useBounds(false);
      await apply(manifest('older', { scope: 'admin' }));
      await useBounds(true);
      const finalizers = (list: readonly string[]): string => JSON.stringify({ metadata: { finalizers: list } });
      await kubectl('annotate', 'at', 'older', 'token-acquirer.dev/reissue=one', asTeam());
      await kubectl('label', 'at', 'older', 'team=billing', asTeam());
      await kubectl('patch', 'at', 'older', '--type=merge', `--patch=${finalizers(['example.com/kept'])}`, asTeam());
      const change = ['patch', 'at', 'older', '--type=merge'];
      const spec = JSON.stringify({ spec: { serviceAccounts: ['app'] } });
      expect(await failedOutput(kubectl(...change, `--patch=${spec}`, asTeam()))).toContain('allow the scope admin');
      await kubectl('delete', 'at', 'older', '--wait=false', asTeam());
      await kubectl(...change, `--patch=${finalizers([])}`, asTeam());
      const isGone = async (): Promise<boolean> => (await kubectl('get', 'at', 'older', '--ignore-not-found')) === '';
      await until('The end of the AccessToken', isGone, MINUTE);
    });

    it("is a Secret that no AccessToken owns, for the token-acquirer's own account", async () => {
      const as = `--as=system:serviceaccount:${place.acquirer}:${RELEASE}`;
      const patch = (name: string): Promise<string> =>
        failedOutput(kubectl('patch', 'secret', name, '--patch={"stringData":{"key":"changed"}}', as));
      expect(await patch('typed')).toContain('that an AccessToken owns');
      expect(await patch('first')).toBe('');
    });

    it('is in a namespace that a second release would serve, too, or that this one rejects', async () => {
      const first = values;
      const second = async (config: object, more: object = {}): Promise<string> => {
        values = { ...first, crds: { enabled: false }, ...more, config: { ...(first['config'] as object), ...config } };
        const output = await failedOutput(release.run('install', 'second', CHART, '--values=-', '--dry-run=server'));
        values = first;
        return output;
      };
      const at = (namespace: string): object => ({ tokens: [], services: { dynamics: serviceFor(namespace) } });
      expect(await second(at(place.client))).toContain(`has services for the namespace ${place.client}, too`);
      expect(await second(at(stranger.name))).toContain(
        `rejects the AccessTokens of the namespace ${stranger.name}. Add it to accessTokens.policy.namespacesOfOtherReleases`,
      );
      const policy = { accessTokens: { policy: { otherNamespaces: 'reject' } } };
      expect(await second(at(stranger.name), policy)).toContain(
        `this release would reject the AccessTokens of the namespace ${place.client}`,
      );
      values = { ...first, accessTokens: { policy: { namespacesOfOtherReleases: [stranger.name] } } };
      await release.run('upgrade', RELEASE, CHART, '--values=-');
      expect(await second(at(stranger.name))).toBe('');
      values = first;
      await useBounds(false);
      expect(await second(at(place.client))).toContain(`has services for the namespace ${place.client}, too`);
      await useBounds(true);
    });

    it(
      'is a finalizer that token-acquirer may no longer remove after an upgrade',
      async () => {
        const [before, config] = [values, values['config'] as { services: object }];
        await apply(manifest('revoked', { service: 'plain', revokeOnDelete: true }));
        const finalizers = (): Promise<string> =>
          kubectl('get', 'at', 'revoked', '--output=jsonpath={.metadata.finalizers}');
        await until('The finalizer', async () => (await finalizers()).includes(FINALIZER), MINUTE);
        values = {
          ...before,
          config: { ...config, services: { ...config.services, plain: serviceFor(place.client) } },
        };
        const upgrade = (): Promise<string> =>
          failedOutput(release.run('upgrade', RELEASE, CHART, '--values=-', '--dry-run=server'));
        expect(await upgrade()).toContain(
          `could not remove the finalizer ${FINALIZER} of the AccessToken revoked of the namespace ${place.client}`,
        );
        const spec = '--patch={"spec":{"revokeOnDelete":false}}';
        await kubectl('patch', 'at', 'revoked', '--type=merge', spec, asTeam());
        await until('No finalizer', async () => (await finalizers()) === '', MINUTE);
        expect(await upgrade()).toBe('');
        values = before;
        await kubectl('delete', 'at', 'revoked', asTeam());
      },
      4 * MINUTE,
    );

    it('leaves the AccessTokens of another release to that release', async () => {
      const name = `${RELEASE}.${place.acquirer}.access-token-services`;
      const answer = (): Promise<string> =>
        failedOutput(apply(manifest('foreign', { service: 'other' }, { at: 'stranger' }), '--dry-run=server'));
      values = { ...values, accessTokens: { policy: { namespacesOfOtherReleases: [stranger.name] } } };
      await release.run('upgrade', RELEASE, CHART, '--values=-');
      expect(await cluster().kubectl(['get', BINDING, name, '--output=name'])).toContain(name);
      await until('The exception', async () => (await answer()) === '', MINUTE);
      await useBounds(true);
      await until('No exception', async () => (await answer()).includes('There is no service other'), MINUTE);
    });
  },
  { alone: true },
);
