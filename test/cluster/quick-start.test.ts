import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type ChainPlace, makePlace } from '../charts/chain-place.ts';
import { type HelmBinary, helm, helmBinaries } from '../charts/helm.ts';
import { blocksIn, type CodeBlock, shellCommands } from '../support/code-blocks.ts';
import { registerSecret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import type { TestCluster } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const [, section = ''] = /^## Quick start\n([^]*?)^## /m.exec(readme) ?? [];
const blocks = blocksIn('README.md', section);

/** Of the place, which are no part of the quick start: it has its own CA, and images that no registry has. */
interface Trial {
  readonly image: Readonly<Record<string, string>>;
  readonly certificateAuthorities: object;
  readonly config: { readonly authorizationServers: { readonly corporate: { readonly issuer: string } } };
  readonly test: { readonly image: Readonly<Record<string, string>> };
}

describeInCluster('the quick start of the README', (cluster: () => TestCluster) => {
  const folder = temporaryDirectory();
  const home = `quick-start-${randomBytes(3).toString('hex')}`;
  let place: ChainPlace;
  let trial: Trial;
  let binary: HelmBinary;
  let credential: Readonly<Record<string, string>>;

  beforeAll(async () => {
    place = await makePlace(cluster());
    trial = place.values as Trial;
    binary = (await helmBinaries()).at(-1) ?? { name: 'helm 4', file: '' };
    const { kubectl } = cluster();
    const of = ['secret', 'dynamics-credentials', `--namespace=${place.acquirer}`, '--output=jsonpath={.data}'];
    const data = JSON.parse(await kubectl(['get', ...of])) as Record<string, string>;
    credential = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, registerSecret(atob(value))]));
    await kubectl(['apply', '--filename=-'], JSON.stringify(application()));
  }, CLUSTER_TIMEOUT);

  afterAll(async () => {
    const options = [`--namespace=${home}`, '--ignore-not-found'];
    await helm(binary, ['uninstall', 'token-acquirer', ...options], { kubeconfig: cluster().kubeconfig }).catch(
      () => '',
    );
    await cluster().kubectl(['delete', 'namespace', home, '--wait=false', '--ignore-not-found']);
    await place?.remove();
    folder.remove();
  }, 120_000);

  /** An application that already runs, and knows nothing of tokens. */
  function application(): object {
    const { repository, tag } = trial.test.image;
    const labels = { 'app.kubernetes.io/name': 'billing-app' };
    const wait = "process.on('SIGTERM',()=>process.exit(0));setInterval(()=>{},1000)";
    const container = {
      name: 'billing-app',
      image: `${repository}:${tag}`,
      imagePullPolicy: 'IfNotPresent',
      command: ['/usr/local/bin/node', '-e', wait],
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    };
    const securityContext = { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } };
    const pod = { containers: [container], securityContext, automountServiceAccountToken: false };
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'billing-app', namespace: place.client },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
    };
  }

  /** In the cluster's own names: of namespaces, of the image and of the authorization server. */
  const named = (text: string): string =>
    text
      .replaceAll('https://login.example.com/realms/corp', trial.config.authorizationServers.corporate.issuer)
      .replaceAll('namespace: billing', `namespace: ${place.client}`)
      .replaceAll('-n billing ', `-n ${place.client} `)
      .replaceAll(/(-n|create namespace) token-acquirer\b/g, `$1 ${home}`)
      .replace('YOUR_CLIENT_ID', credential['client_id'] ?? '');

  async function command(line: string): Promise<string> {
    const [program, ...args] = line.split(' ').map((arg) => (/^\w+\.yaml$/.test(arg) ? join(folder.path, arg) : arg));
    if (program === 'kubectl') return cluster().kubectl(args.map((arg) => arg.replace('/dev/stdin', pasted())));
    const { image, certificateAuthorities } = trial;
    const more = join(folder.path, 'trial.yaml');
    writeFileSync(more, stringify({ image: { registry: '', ...image }, certificateAuthorities }));
    const placed = args.map((arg) => (arg.startsWith('charts/') ? join(ROOT, arg) : arg));
    return helm(binary, [...placed, '--values', more], { kubeconfig: cluster().kubeconfig });
  }

  /** What somebody pastes. Node gives a program a socket as its input, which cannot be opened by name as a terminal can. */
  function pasted(): string {
    const file = join(folder.path, 'pasted');
    writeFileSync(file, `${credential['client_secret']}\n`, { mode: 0o600 });
    return file;
  }

  /** Writes the file of a YAML block, or runs the commands of a shell block; resolves with the last output. */
  async function follow({ language, text }: CodeBlock): Promise<string> {
    const [, name] = /^# (\w+\.yaml)\n/.exec(text) ?? [];
    if (language === 'yaml') writeFileSync(join(folder.path, name ?? ''), named(text));
    if (language !== 'sh') return '';
    let output = '';
    for (const line of shellCommands(named(text))) {
      output = await command(line);
      if (line.includes('create namespace')) await copyCa();
    }
    return output;
  }

  async function copyCa(): Promise<void> {
    const { kubectl } = cluster();
    const of = ['configmap', 'example-ca', `--namespace=${place.acquirer}`];
    const ca = await kubectl(['get', ...of, '--output=jsonpath={.data.ca\\.crt}']);
    await kubectl(['create', 'configmap', 'example-ca', `--namespace=${home}`, `--from-literal=ca.crt=${ca}`]);
  }

  it('gives a running application its token, with the output that it shows', async () => {
    const outputs: string[] = [];
    for (const block of blocks) outputs.push(await follow(block));
    const status = outputs.find((output) => output.startsWith('TOKEN')) ?? '';
    expect(status).toMatch(new RegExp(`^${place.client}/billing-tokens/dynamics +Valid `, 'm'));
    const shown = blocks.find(({ language }) => language === '')?.text ?? '';
    expect(status.split('\n')[0]?.split(/ {2,}/)).toEqual(shown.split('\n')[0]?.split(/ {2,}/));
    const { kubectl } = cluster();
    const deployment = ['deployment/billing-app', `--namespace=${place.client}`];
    await kubectl(['rollout', 'status', ...deployment, '--timeout=90s']);
    const read = "process.stdout.write(fs.readFileSync('/var/run/tokens/dynamics'))";
    const mounted = registerSecret(await kubectl(['exec', ...deployment, '--', '/usr/local/bin/node', '-e', read]));
    const of = ['secret', 'billing-tokens', `--namespace=${place.client}`, '--output=jsonpath={.data.dynamics}'];
    expect(mounted).toBe(atob(await kubectl(['get', ...of])));
  });
});
