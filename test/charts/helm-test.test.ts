import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { CommandFailed } from '../real/install/run.ts';
import { blocksIn } from '../support/code-blocks.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { helm, helmBinaries } from './helm.ts';

const CHART = join(import.meta.dirname, '../../charts/token-acquirer');
const PAGE = 'docs/install/helm.md';
/** The logs that the page on Helm shows, that of the client first. */
const documented = blocksIn(PAGE, readFileSync(join(import.meta.dirname, '../..', PAGE), 'utf8'))
  .filter(({ text }) => text.startsWith('✔'))
  .map(({ text }) => text.split('\n'));
const RELEASE = 'token-acquirer';
const MINUTE = 60_000;

type Binary = Awaited<ReturnType<typeof helmBinaries>>[number];

interface Tested {
  readonly passed: boolean;
  /** What the pods said, a line each; that of the stranger's only where it came to it. */
  readonly client: readonly string[];
  readonly stranger: readonly string[];
  /** Of helm, where the test failed. */
  readonly output: string;
}

/** Without what differs from run to run. The example on the page has a selector, this release has none at first. */
const steady = (lines: readonly string[] = []): string[] =>
  lines
    .filter((line) => !line.includes('client app of'))
    .map((line) => line.replaceAll(/\b\d[\dhms]*\b/g, 'N').replaceAll(/https:\S+/g, 'URL'));

const NO_SELECTOR = '– client app of dynamics: not tried: the token names no pods of it (clientApp.selector).';

/** A client app with the label that people give it, which mounts the tokens. */
function clientPod({ client, values }: ChainPlace): object {
  const { repository, tag } = (values as { test: { image: Record<string, string> } }).test.image;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'billing-app', namespace: client, labels: { app: 'billing-app' } },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'app',
          image: `${repository}:${tag}`,
          imagePullPolicy: 'Never',
          command: ['/usr/local/bin/node', '-e', "process.on('SIGTERM',()=>process.exit(0));setInterval(()=>{},1000)"],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'tokens', mountPath: '/var/run/tokens', readOnly: true }],
        },
      ],
      volumes: [{ name: 'tokens', secret: { secretName: 'billing-tokens' } }],
    },
  };
}

describeInCluster('helm test', (cluster: () => TestCluster) => {
  let place: ChainPlace;
  let binaries: readonly Binary[];
  let kubectl: TestCluster['kubectl'];

  const run = (binary: Binary, args: readonly string[], input?: string): Promise<string> =>
    helm(binary, [...args, `--namespace=${place.acquirer}`], {
      kubeconfig: cluster().kubeconfig,
      ...(input !== undefined && { input }),
    });
  const latest = (): Binary => binaries.at(-1) ?? { name: 'helm 4', file: '' };
  const rolledOut = (namespace: string, name: string): Promise<string> =>
    kubectl(['rollout', 'status', `deployment/${name}`, `--namespace=${namespace}`, '--timeout=60s']);

  async function restartAcquirer(): Promise<void> {
    await kubectl(['rollout', 'restart', `deployment/${RELEASE}`, `--namespace=${place.acquirer}`]);
    await rolledOut(place.acquirer, RELEASE);
  }

  async function logOf(pod: string): Promise<string[]> {
    const text = await kubectl(['logs', pod, `--namespace=${place.client}`]).catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  async function tested(binary = latest()): Promise<Tested> {
    // So that the log of the last run is not taken for that of this one.
    const tests = `--selector=app.kubernetes.io/name=${RELEASE}-test`;
    await kubectl(['delete', 'pod', `--namespace=${place.client}`, tests, '--ignore-not-found']);
    const output = await run(binary, ['test', RELEASE, '--timeout=60s']).then(
      () => undefined,
      (error: unknown) => (error instanceof CommandFailed ? error.output : String(error)),
    );
    const [client, stranger] = await Promise.all(
      ['client', 'stranger'].map((as) => logOf(`${RELEASE}-test-${as}-billing-tokens`)),
    );
    return { passed: output === undefined, client: client ?? [], stranger: stranger ?? [], output: output ?? '' };
  }

  /** Patches the configuration as it is in the cluster, and has it read. */
  async function configure(change: (text: string) => string): Promise<void> {
    const at = ['configmap', `${RELEASE}-config`, `--namespace=${place.acquirer}`];
    const text = await kubectl(['get', ...at, '--output=jsonpath={.data.config\\.yaml}']);
    const data = { 'config.yaml': change(text) };
    await kubectl(['patch', ...at, '--type=merge', `--patch=${JSON.stringify({ data })}`]);
    await restartAcquirer();
  }

  const withoutSelector = (text: string): string => text.replace(/^ +clientApp: .*\n/m, '');
  const selectNothing = (): Promise<void> => configure(withoutSelector);
  /** Which pods are the client app. */
  const select = (selector: string): Promise<void> =>
    configure((text) =>
      withoutSelector(text).replace(
        /^( +)clients:/m,
        (found, indent: string) =>
          `${indent}clientApp: { namespace: ${place.client}, selector: ${selector} }\n${found}`,
      ),
    );

  /** As right after the installation, when no token was ever stored. */
  async function begunAnew(): Promise<void> {
    const deployment = [`deployment/${RELEASE}`, `--namespace=${place.acquirer}`];
    await kubectl(['scale', ...deployment, '--replicas=0']);
    const pods = `--selector=app.kubernetes.io/name=${RELEASE}`;
    await kubectl(['wait', '--for=delete', 'pod', pods, `--namespace=${place.acquirer}`]);
    const secret = ['secret', 'billing-tokens', `--namespace=${place.client}`];
    await kubectl(['patch', ...secret, '--type=merge', '--patch={"data":null}']);
    await kubectl(['scale', ...deployment, '--replicas=1']);
    await rolledOut(place.acquirer, RELEASE);
  }

  beforeAll(async () => {
    ({ kubectl } = cluster());
    binaries = await helmBinaries();
    place = await makePlace(cluster());
    await run(latest(), ['install', RELEASE, CHART, '--values=-'], stringify(place.values));
  }, CLUSTER_TIMEOUT);

  afterAll(async () => {
    // Only the release removes what is cluster-wide.
    await run(latest(), ['uninstall', RELEASE]).catch(() => '');
    await place.remove();
  }, 2 * MINUTE);

  it.each(['helm 3', 'helm 4'] as const)(
    'passes with %s, right after the installation, and has tried every part of the chain',
    async (name) => {
      const binary = binaries.find((one) => one.name === name) ?? latest();
      const { passed, client, stranger, output } = await tested(binary);
      expect(client).toEqual([
        expect.stringMatching(/^✔ token dynamics: in the volume, .* valid for another /),
        expect.stringMatching(/^✔ reissue of dynamics: reissued as generation \d+, and stored\.$/),
        expect.stringMatching(/^✔ call with dynamics: https:\/\/gateway\..* let it through\.$/),
        NO_SELECTOR,
        '✔ forbidden files: none of the 6 is here, as expected.',
        "✔ the token-acquirer's Secrets: the API server shows none of the 4 to this pod.",
      ]);
      expect(stranger).toEqual([
        '✔ reissue of dynamics by a stranger: rejected (403), as expected.',
        '✔ reissue of dynamics by nobody: rejected (401), as expected.',
      ]);
      expect([output, passed]).toEqual(['', true]);
      expect([client, stranger].map(steady)).toEqual(documented.map(steady));
    },
  );

  it('leads to no Warning event and counts into no alert', async () => {
    const events = [
      'events',
      `--namespace=${place.client}`,
      '--field-selector=involvedObject.kind=Secret,type=Warning',
    ];
    expect(await kubectl(['get', ...events, '--output=name'])).toBe('');
    const pods = ['pods', `--namespace=${place.acquirer}`, `--selector=app.kubernetes.io/name=${RELEASE}`];
    const [pod = ''] = (await kubectl(['get', ...pods, '--output=name'])).trim().split('\n');
    const path = `/api/v1/namespaces/${place.acquirer}/pods/${pod.replace('pod/', '')}:9090/proxy/metrics`;
    const metrics = (await kubectl(['get', '--raw', path])).split('\n');
    const valueOf = (name: string): string[] => metrics.filter((line) => line.startsWith(`token_acquirer_${name}`));
    expect(valueOf('rejected_tokens_total')).toEqual([]);
    expect(valueOf('reissues_total')).toEqual([expect.stringMatching(/outcome="test"} \d+$/)]);
  });

  it('passes before the client app runs, for which no token is obtained yet', async () => {
    await select('app=nobody');
    await begunAnew();
    const { passed, client } = await tested();
    await selectNothing();
    expect([client[0], client[3], passed]).toEqual([
      expect.stringMatching(/^✔ token dynamics: in the volume/),
      expect.stringMatching(
        /^– client app of dynamics: not tried: The selector app=nobody matches no pods in the names/,
      ),
      true,
    ]);
  });

  describe('of several teams', () => {
    const TEAMS = 4;
    /** The teams take the place of the first client, and it takes theirs. */
    const REMOVAL = '--set=secret.allowRemoval=true';
    let teams: readonly TestNamespace[];

    beforeAll(async () => {
      teams = await Promise.all(Array.from({ length: TEAMS }, (_, at) => cluster().namespace(`team-${at}`)));
      const gateway = await kubectl(['get', 'configmap', 'example-ca', `--namespace=${place.client}`, '--output=json']);
      const { data } = JSON.parse(gateway) as { data: object };
      const items = teams.flatMap(({ name: namespace }) => [
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'example-ca', namespace }, data },
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'billing-app', namespace } },
      ]);
      await kubectl(['apply', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
      await run(
        latest(),
        ['upgrade', RELEASE, CHART, '--values=-', REMOVAL],
        stringify(valuesOf(teams.map(({ name }) => name))),
      );
      // The kubelet takes up to 90 s to show a running pod its new configuration.
      await restartAcquirer();
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      await run(latest(), ['upgrade', RELEASE, CHART, '--values=-', REMOVAL], stringify(place.values));
      await restartAcquirer();
      await Promise.all(teams.map((team) => team.remove()));
    }, 2 * MINUTE);

    /** The gateway knows no such path for the second team. */
    function valuesOf(names: readonly string[]): object {
      const values = place.values as { config: { tokens: readonly object[] }; test: object };
      const tokens = names.map((namespace) => ({
        ...values.config.tokens[0],
        secret: { namespace, name: 'billing-tokens' },
        clients: [{ namespace, serviceAccount: 'billing-app' }],
      }));
      const wrong = { serviceUrl: `https://gateway.${place.services}.svc/nothing/here` };
      const test = { ...values.test, tokens: { [`${names[1]}/billing-tokens/dynamics`]: wrong } };
      return { ...values, config: { ...values.config, tokens }, test };
    }

    it.each(['helm 3', 'helm 4'] as const)(
      'tries all of them, although one fails, and one command shows what failed, by %s',
      async (name) => {
        const binary = binaries.find((one) => one.name === name) ?? latest();
        const failed = await run(binary, ['test', RELEASE, '--timeout=2m']).then(() => '', String);
        expect(failed).toContain(`${RELEASE}-test-client-billing-tokens failed`);
        const columns = 'A:.metadata.namespace,B:.status.phase,C:.status.containerStatuses[0].state.terminated.message';
        const selector = `--selector=app.kubernetes.io/name=${RELEASE}-test,app.kubernetes.io/instance=${RELEASE}`;
        const shown = await kubectl([
          'get',
          'pods',
          '--all-namespaces',
          selector,
          '--no-headers',
          `--output=custom-columns=${columns}`,
        ]);
        const ofTeams = shown.split('\n').filter((line) => teams.some((team) => line.startsWith(`${team.name} `)));
        expect(ofTeams).toHaveLength(2 * TEAMS);
        const broken = ofTeams.filter((line) => !line.includes('Succeeded'));
        expect(broken).toEqual([expect.stringMatching(new RegExp(`^${teams[1]?.name} +Failed `))]);
        expect(shown).toContain('✘ call with dynamics: Behind the gateway there is nothing at /nothing/here (404)');
      },
    );
  });

  describe('fails, and says why, where', () => {
    /** The lines with a cross; all of the others have a tick. */
    const crosses = (lines: readonly string[]): string[] =>
      lines.filter((line) => !line.startsWith('✔') && line !== NO_SELECTOR);

    it('the token-acquirer lacks a permission', async () => {
      const binding = ['rolebinding', `${RELEASE}.${place.acquirer}`, `--namespace=${place.client}`];
      const kept = JSON.parse(await kubectl(['get', ...binding, '--output=json'])) as { metadata: object };
      await kubectl(['delete', ...binding]);
      const { passed, client } = await tested();
      const { name, namespace } = kept.metadata as { name: string; namespace: string };
      await kubectl(['create', '--filename=-'], JSON.stringify({ ...kept, metadata: { name, namespace } }));
      expect(passed).toBe(false);
      const why = `✘ reissue of dynamics: A new token was obtained but not stored in the Secret ${place.client}/billing-tokens`;
      expect(crosses(client)).toEqual([expect.stringContaining(why)]);
      expect(crosses(client)[0]).toContain('Role and RoleBinding');
    });

    it('pods use the token Secret that the selector of the client app misses', async () => {
      await kubectl(['apply', '--filename=-'], JSON.stringify(clientPod(place)));
      await select('app.kubernetes.io/name=billing-app');
      const missed = await tested();
      await select('app=billing-app');
      const matched = await tested();
      await selectNothing();
      await kubectl(['delete', 'pod', 'billing-app', `--namespace=${place.client}`]);
      expect([missed.passed, crosses(missed.client)]).toEqual([
        false,
        [
          expect.stringMatching(
            /^✘ client app of dynamics: The selector app.kubernetes.io\/name=billing-app matches no pod .* The pod billing-app uses the Secret billing-tokens and has the labels app=billing-app\./,
          ),
        ],
      ]);
      expect([matched.output, matched.client]).toEqual([
        '',
        expect.arrayContaining([
          expect.stringMatching(
            /^✔ client app of dynamics: The selector app=billing-app matches 1 pod in the namespace/,
          ),
        ]),
      ]);
    });

    it('the gateway is down', async () => {
      const gateway = ['deployment/gateway', `--namespace=${place.services}`];
      await kubectl(['scale', ...gateway, '--replicas=0']);
      await kubectl(['wait', '--for=delete', 'pod', '--selector=app.kubernetes.io/name=gateway', ...gateway.slice(1)]);
      const { passed, client } = await tested();
      await kubectl(['scale', ...gateway, '--replicas=1']);
      expect(passed).toBe(false);
      expect(crosses(client)).toEqual([expect.stringMatching(/^✘ call with dynamics: The gateway is down: /)]);
      await rolledOut(place.services, 'gateway');
    });

    it('the credential is wrong', async () => {
      await place.setCredential('wrong');
      await restartAcquirer();
      const { passed, client } = await tested();
      await place.setCredential('right');
      expect(passed).toBe(false);
      expect(crosses(client)).toEqual([
        expect.stringMatching(/^✘ reissue of dynamics: .* authorization server: invalid_client\. .*secret or key/),
      ]);
    });

    it('the credential has been wrong from the first', async () => {
      await place.setCredential('wrong');
      await begunAnew();
      const { passed, client } = await tested();
      await place.setCredential('right');
      expect(passed).toBe(false);
      expect(crosses(client)).toEqual([
        expect.stringMatching(/^✘ token dynamics: There is none in .* See the line on the reissue\.$/),
        expect.stringMatching(/^✘ reissue of dynamics: .* authorization server: invalid_client\. .*secret or key/),
        '– call with dynamics: not tried: there is no token.',
      ]);
    });

    it('the client is not among the clients', async () => {
      await configure((text) => text.replace('serviceAccount: billing-app', 'serviceAccount: another'));
      const { passed, client } = await tested();
      expect(passed).toBe(false);
      expect(crosses(client)).toEqual([
        expect.stringContaining(`the ServiceAccount ${place.client}/billing-app is not among the clients of`),
        '– client app of dynamics: not tried: the token-acquirer did not report it. See the line on the reissue.',
      ]);
    });

    it('a stranger is among them', async () => {
      const [namespace, account] = [`namespace: ${place.client}`, 'serviceAccount: '];
      await configure((text) =>
        text.replace(/- namespace: .*\n(\s+)serviceAccount: another/, (_, indent: string) =>
          ['billing-app', 'default']
            .map((name) => `- ${namespace}\n${indent}${account}${name}`)
            .join(`\n${indent.slice(2)}`),
        ),
      );
      const { passed, client, stranger } = await tested();
      expect(passed).toBe(false);
      expect([crosses(client), crosses(stranger)]).toEqual([
        [],
        [expect.stringMatching(/^✘ reissue of dynamics by a stranger: .* take that out of the clients/)],
      ]);
    });
  });
});
