import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { StatusReport, TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from '../cluster/in-cluster.ts';
import { command, type Ended } from '../e2e/acquirer-process.ts';
import { registerSecret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { type ChainPlace, makePlace } from './chain-place.ts';
import { CHART } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';
import { type ForwardedPod, forwardPorts } from './port-forward.ts';

const RELEASE = 'token-acquirer';
const SECOND = 1000;
/** The kubelet takes 40 to 90 s. */
const PATIENCE = 120 * SECOND;

describeInCluster(
  'The user’s terminal',
  (cluster) => {
    let place: ChainPlace;
    let binary: Awaited<ReturnType<typeof helmBinaries>>[number];
    let values: string;
    let directory: ReturnType<typeof temporaryDirectory>;
    let token: string;
    let clientSecret: string;
    let pod: { readonly name: string; readonly uid: string; readonly restarts: number };
    let forwarded: ForwardedPod;
    let statusUrl: string;
    let inNamespace: string;

    const kubectl = (...args: string[]): Promise<string> => cluster().kubectl(args);
    const inAcquirer = (...args: string[]): Promise<string> => kubectl(...args, `--namespace=${place.acquirer}`);
    const asUser = (args: readonly string[], input?: string): Promise<Ended> =>
      command([...args, '--namespace', place.acquirer, '--kubeconfig', cluster().kubeconfig], input);

    beforeAll(async () => {
      const [found] = (await helmBinaries()).toReversed();
      if (found === undefined) throw new Error('There is no helm.');
      binary = found;
      directory = temporaryDirectory();
      place = await makePlace(cluster());
      token = `${place.client}/billing-tokens/dynamics`;
      values = stringify(place.values);
      const path = '--output=jsonpath={.data.client_secret}';
      const encoded = await inAcquirer('get', 'secret', 'dynamics-credentials', path);
      clientSecret = registerSecret(Buffer.from(encoded, 'base64').toString());
      await inAcquirer('delete', 'secret', 'dynamics-credentials');
      const args = ['install', RELEASE, CHART, `--namespace=${place.acquirer}`, '--values=-'];
      await helm(binary, args, { kubeconfig: cluster().kubeconfig, input: values });
      await inAcquirer('rollout', 'status', `deployment/${RELEASE}`, '--timeout=120s');
      pod = await thePod();
      inNamespace = kubeconfigFor(place.acquirer);
      forwarded = await forwardPorts(cluster(), { namespace: place.acquirer, pod: pod.name, ports: [9090, 8443] });
      statusUrl = `http://${forwarded.addresses.get(9090)}`;
    }, CLUSTER_TIMEOUT);

    afterAll(async () => {
      await forwarded.stop();
      await helm(binary, ['uninstall', RELEASE, `--namespace=${place.acquirer}`], { kubeconfig: cluster().kubeconfig });
      await place.remove();
      directory.remove();
    }, 60 * SECOND);

    async function thePod(): Promise<{ name: string; uid: string; restarts: number }> {
      const selector = '--selector=app.kubernetes.io/name=token-acquirer';
      const { items } = JSON.parse(await inAcquirer('get', 'pods', selector, '--output=json')) as {
        items: {
          metadata: { name: string; uid: string; deletionTimestamp?: string };
          status: { containerStatuses: { restartCount: number }[] };
        }[];
      };
      // A pod that ends still answers for some seconds.
      const current = items.filter((item) => item.metadata.deletionTimestamp === undefined);
      expect(current).toHaveLength(1);
      const [{ metadata, status } = { metadata: { name: '', uid: '' }, status: { containerStatuses: [] } }] = current;
      return { name: metadata.name, uid: metadata.uid, restarts: status.containerStatuses[0]?.restartCount ?? -1 };
    }

    /** Through the port-forward; the command ends with 1 where a token is unhealthy. */
    async function statusOfToken(): Promise<TokenReport | undefined> {
      const { stdout } = await command(['status', '--output=json', '--status-url', statusUrl]);
      const report = stdout === '' ? undefined : (JSON.parse(stdout) as StatusReport);
      return report?.tokens.find((candidate) => candidate.token === token);
    }

    async function untilStatus(is: (report: TokenReport) => boolean, patience = PATIENCE): Promise<TokenReport> {
      const end = performance.now() + patience;
      for (;;) {
        const report = await statusOfToken();
        if (report !== undefined && is(report)) return report;
        if (performance.now() > end) throw new Error(`It did not come about: ${JSON.stringify(report)}`);
        await pause(SECOND);
      }
    }

    const renewedAfter = ({ issued_at: issued = '', renew_at: renew = '' }: TokenReport): number =>
      Math.round((Date.parse(renew) - Date.parse(issued)) / SECOND);

    async function versionOf(secret: string): Promise<string> {
      return inAcquirer('get', 'secret', secret, '--output=jsonpath={.metadata.resourceVersion}');
    }

    it('brings a token to life that failed for want of a credential', async () => {
      const before = await untilStatus(({ last_error: error }) => error !== undefined);
      expect(before.last_error?.code).toBe('credential_unreadable');
      const input = `client_id=billing-app\nclient_secret=${clientSecret}\n`;
      const set = await asUser(['credentials', 'set', 'dynamics'], input);
      expect([set.code, set.stderr]).toEqual([0, '']);
      expect(set.stdout).toBe(
        `dynamics: client_id, client_secret set (new Secret ${place.acquirer}/dynamics-credentials)\nThe kubelet brings it into the token-acquirer's volume within 40 to 90 s; then it is in force, without a restart.\nThen try it: kubectl --kubeconfig ${cluster().kubeconfig} -n ${place.acquirer} exec deployment/${RELEASE} -- token-acquirer credentials check dynamics\n`,
      );
      // The wait is the next test's: a pod whose annotations change is synced immediately.
      await inAcquirer('annotate', 'pod', pod.name, `test.token-acquirer.dev/at=${Date.now()}`);
      const after = await untilStatus(({ state }) => state === 'Valid');
      expect(after.last_error).toBeUndefined();
      expect(await thePod()).toEqual(pod);
    });

    it('changes the interval by one command, within the kubelet’s delay, and no sync takes it back', async () => {
      const from = performance.now();
      const { code, stdout, stderr } = await asUser(['interval', 'set', 'dynamics', '2m']);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(
        /^dynamics: renewed 2m after issue, .* \(new Secret \S+\/dynamics-interval\)\nThe kubelet/,
      );
      const kept = await Promise.all(['dynamics-interval', 'dynamics-credentials'].map(versionOf));
      await syncs();
      expect(await Promise.all(['dynamics-interval', 'dynamics-credentials'].map(versionOf))).toEqual(kept);
      const report = await untilStatus((found) => renewedAfter(found) <= 120);
      tell('A changed interval was in force', from);
      // Jitter takes off up to 5 % of the interval.
      expect(renewedAfter(report)).toBeGreaterThanOrEqual(114);
      await syncs();
      expect(renewedAfter((await statusOfToken()) ?? report)).toBeLessThanOrEqual(120);
      expect(await thePod()).toEqual(pod);
    });

    function kubeconfigFor(namespace: string): string {
      const config = JSON.parse(cluster().api.exportConfig()) as { contexts: { context: { namespace?: string } }[] };
      for (const { context } of config.contexts) context.namespace = namespace;
      const file = join(directory.path, 'kubeconfig');
      writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
      return file;
    }

    /** As Helm, Flux and Argo CD do it: the same chart again. */
    async function syncs(): Promise<void> {
      const { kubeconfig } = cluster();
      const release = [RELEASE, CHART, `--namespace=${place.acquirer}`, '--values=-'];
      await helm(binary, ['upgrade', ...release, '--wait'], { kubeconfig, input: values });
      const rendered = await helm(binary, ['template', ...release], { kubeconfig, input: values });
      // By the context, because kubectl takes no --namespace where objects of others come along.
      const apply = ['apply', `--kubeconfig=${inNamespace}`, '--server-side', '--force-conflicts', '--filename=-'];
      await cluster().kubectl(apply, rendered);
      await cluster().kubectl(apply, rendered);
    }

    function tell(what: string, from: number): void {
      const seconds = (performance.now() - from) / SECOND;
      process.stderr.write(`${what} ${seconds.toFixed(1)} s after the command.\n`);
      expect(seconds).toBeLessThan(PATIENCE / SECOND);
    }

    it('rejects a credential that it does not have', async () => {
      const { code, stderr } = await asUser(['interval', 'set', 'crm', '5m']);
      expect(code).toBe(2);
      expect(stderr).toContain('has no credential of this name, so nothing was written. Credentials: dynamics.');
    });

    it.each<[string, readonly string[], readonly string[]]>([
      [
        'another Secret than that which it mounts',
        ['interval', 'set', 'dynamics', '5m', '--secret', 'other'],
        ['does not mount the Secret other. Its credential dynamics comes from dynamics-credentials, dynamics-interval'],
      ],
    ])('warns of %s', async (_what, args, sentences) => {
      const { code, stderr } = await asUser(args);
      expect(code).toBe(0);
      for (const sentence of sentences) expect(stderr).toContain(sentence);
    });

    it('shows the status through a port-forward, and by the program in the pod at its own address', async () => {
      const { code, stdout, stderr } = await command(['status', '--status-url', statusUrl]);
      expect([code, stderr]).toEqual([0, '']);
      const exec = ['exec', `deployment/${RELEASE}`, '--', 'token-acquirer', 'status'];
      for (const table of [stdout, await kubectl(`--namespace=${place.acquirer}`, ...exec)]) {
        expect(table).toMatch(new RegExp(`^${token} +Valid `, 'm'));
      }
    });

    it('has a token reissued for a caller whose token comes by standard input', async () => {
      const caFile = join(directory.path, 'ca.crt');
      const template = '--output=go-template={{index .data "ca.crt" | base64decode}}';
      writeFileSync(caFile, await kubectl('get', 'secret', 'billing-tokens', `--namespace=${place.client}`, template));
      const callerArgs = ['create', 'token', 'billing-app', `--namespace=${place.client}`];
      const caller = registerSecret((await kubectl(...callerArgs, '--audience=token-acquirer')).trim());
      const args = [
        'reissue',
        token,
        '--caller-token',
        '-',
        '--ca-file',
        caFile,
        '--status-url',
        statusUrl,
        '--url',
        `https://${forwarded.addresses.get(8443)}`,
      ];
      const name = ['--server-name', `${RELEASE}.${place.acquirer}.svc`];
      const { code, stdout, stderr } = await command([...args, ...name], `${caller}\n`);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(new RegExp(`^${token}: reissued, stored, generation \\d+, expires `));
      const nameless = await command(args, `${caller}\n`);
      expect(nameless.code).toBe(3);
      expect(nameless.stderr).toContain('Through a port-forward, give --server-name with the name of its Service.');
    });

    const inPod = (...args: readonly string[]): Promise<string> =>
      kubectl(`--namespace=${place.acquirer}`, 'exec', `deployment/${RELEASE}`, '--', 'token-acquirer', ...args);

    it('tries the credential in the pod, and revokes the token of that', async () => {
      const before = await statusOfToken();
      expect(await inPod('credentials', 'check', 'dynamics')).toBe(
        `dynamics: The authorization server corporate accepted it: it gave a token for ${token} (client_credentials). That token was revoked, and stored nowhere.\n`,
      );
      expect((await statusOfToken())?.generation).toBe(before?.generation);
      expect(await inPod('validate')).toMatch(/^The configuration is valid: 1 token; /);
    });

    describe('before the client app exists', () => {
      let ready: number;

      /** The same release anew, for a credential and a CA that nobody has made, and for pods that nobody has started. */
      beforeAll(async () => {
        await forwarded.stop();
        const { config, ...others } = place.values as { config: { tokens: object[] } };
        const clientApp = { namespace: place.client, selector: 'app=not-there-yet' };
        const tokens = config.tokens.map((one) => ({ ...one, credential: 'crm', clientApp }));
        const certificateAuthorities = { corporate: { configMap: 'crm-ca' } };
        const input = stringify({ ...others, config: { ...config, tokens }, certificateAuthorities });
        const { kubeconfig } = cluster();
        await helm(binary, ['uninstall', RELEASE, `--namespace=${place.acquirer}`, '--wait'], { kubeconfig });
        const args = ['install', RELEASE, CHART, `--namespace=${place.acquirer}`, '--values=-', '--wait'];
        await helm(binary, args, { kubeconfig, input });
        ready = performance.now();
        const { name } = await thePod();
        forwarded = await forwardPorts(cluster(), { namespace: place.acquirer, pod: name, ports: [9090] });
        statusUrl = `http://${forwarded.addresses.get(9090)}`;
      }, 120 * SECOND);

      const status = (): Promise<Ended> => command(['status', '--status-url', statusUrl]);

      it('names the missing Secret and the missing CA within a minute, also to validate and in events', async () => {
        await untilStatus(({ state, healthy }) => state === 'Suspended' && !healthy, 60 * SECOND);
        const { code, stdout } = await status();
        tell('What is missing was reported', ready);
        expect(performance.now() - ready).toBeLessThan(60 * SECOND);
        expect(code).toBe(1);
        expect(stdout).toContain('CredentialUsable=False (CredentialUnusable)');
        expect(stdout).toContain(
          `Create the Secret crm-credentials in the namespace ${place.acquirer} with the keys client_id and client_secret.`,
        );
        expect(stdout).toContain('CaUsable=False (CaFileUnusable)');
        const ca = `the key ca.crt of the ConfigMap crm-ca in the namespace ${place.acquirer}, is missing.`;
        expect(stdout).toContain(`The CA of the authorization server corporate, ${ca}`);
        // kubectl shows the last lines of what it ends with.
        await expect(inPod('validate')).rejects.toThrow(`authorizationServers.corporate.caFile: The CA, ${ca}`);
        const selector = '--field-selector=involvedObject.name=billing-tokens,type=Warning';
        const told = '--output=jsonpath={.items[*].reason}';
        await expect
          .poll(() => kubectl('get', 'events', `--namespace=${place.client}`, selector, told), { timeout: 20 * SECOND })
          .toMatch(/(?=.*CredentialUnusable)(?=.*CaUnusable)/);
      });

      it(
        'is healthy once both exist, still without a client app and without a token request',
        async () => {
          const template = '--output=go-template={{index .data "ca.crt"}}';
          const pem = await inAcquirer('get', 'configmap', 'example-ca', template);
          await inAcquirer('create', 'configmap', 'crm-ca', `--from-literal=ca.crt=${pem}`);
          const input = `client_id=billing-app\nclient_secret=${clientSecret}\n`;
          expect((await asUser(['credentials', 'set', 'crm'], input)).stdout).toContain(
            `exec deployment/${RELEASE} -- token-acquirer credentials check crm\n`,
          );
          // A pod whose annotations change is synced immediately; else the kubelet takes 40 to 90 s.
          await inAcquirer('annotate', 'pod', (await thePod()).name, `test.token-acquirer.dev/at=${Date.now()}`);
          const made = performance.now();
          const report = await untilStatus(({ healthy }) => healthy, 60 * SECOND);
          tell('The cure was seen', made);
          expect(report).toMatchObject({ state: 'Suspended', stored: false });
          expect((await status()).code).toBe(0);
          expect(await inPod('validate')).toMatch(/^The configuration is valid: 1 token; /);
          expect(await inPod('credentials', 'check', 'crm')).toContain('That token was revoked, and stored nowhere.');
        },
        300 * SECOND,
      );
    });
  },
  { timeout: 180 * SECOND },
);
