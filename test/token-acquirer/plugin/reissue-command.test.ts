import { beforeEach, describe, expect, it } from 'vitest';
import type { ServiceAccount } from '../../../src/core/callers.ts';
import { ReissueError, StoreError } from '../../../src/core/errors.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import type { ReissueAnswer } from '../../../src/ports/reissuer.ts';
import { parseConfiguration } from '../../../src/token-acquirer/configuration/parse.ts';
import {
  type PodPlace,
  type ReissueCall,
  type ReissueView,
  reissueCommand,
} from '../../../src/token-acquirer/plugin/reissue-command.ts';
import { FakeClusterView, recordedOutput } from '../../fakes/fake-cluster-view.ts';
import { failure } from '../../support/failure.ts';
import { secret } from '../../support/secrets.ts';
import { acquirerPod, minutesFrom, statusReport, tokenReport } from '../../support/status-reports.ts';

const NAME = 'billing/billing-tokens/dynamics';
const SCOPE = { selector: 'app.kubernetes.io/name=token-acquirer', everywhere: false };
const DENIED = new StoreError('Ann may not create serviceaccounts/token (403).', { permanent: true });
const CLIENTS = '[{ namespace: other, serviceAccount: report }, { namespace: billing, serviceAccount: billing-app }]';

function configuration(clients: string, more = '') {
  const text = `
authorizationServers: { corporate: { issuer: https://login.example.com } }
tokens:
  - name: dynamics
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    secret: { namespace: billing, name: billing-tokens }
    clients: ${clients}
${more}`;
  return parseConfiguration(text, 'config.yaml');
}

/** A cluster in which tokens can be reissued, too. */
class FakeReissueView extends FakeClusterView implements ReissueView {
  configured = configuration(CLIENTS);
  /** The ServiceAccounts that the user may make no token of. */
  readonly denied = new Map<string, StoreError>();
  readonly asked: { account: ServiceAccount; audience: string }[] = [];
  readonly calls: ReissueCall[] = [];
  readonly places: PodPlace[] = [];
  answer: ReissueAnswer | Error = {
    outcome: 'reissued',
    stored: true,
    generation: 7,
    issuedAt: Date.parse(minutesFrom(0)),
    expiresAt: Date.parse(minutesFrom(60)),
    accessToken: undefined,
  };

  async configuration(at: PodPlace) {
    this.places.push(at);
    return this.configured;
  }

  async callerToken(account: ServiceAccount, audience: string): Promise<Redacted> {
    this.asked.push({ account, audience });
    const denied = this.denied.get(account.name);
    if (denied !== undefined) throw denied;
    return new Redacted(secret(account.name));
  }

  async certificates(namespace: string, name: string): Promise<string> {
    return `the CA of ${namespace}/${name}`;
  }

  async reissue(call: ReissueCall): Promise<ReissueAnswer> {
    this.calls.push(call);
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }
}

describe('a reissue by hand', () => {
  let cluster: FakeReissueView;
  let output: ReturnType<typeof recordedOutput>;
  beforeEach(() => {
    cluster = new FakeReissueView();
    cluster.acquirerPods = [acquirerPod('one'), acquirerPod('two', { shard: 1 })];
    cluster.reports.set('one', statusReport([]));
    cluster.reports.set('two', statusReport([tokenReport(NAME)]));
    output = recordedOutput();
  });

  const run = (name = NAME, serviceAccount?: string): Promise<void> =>
    reissueCommand(name, { scope: SCOPE, serviceAccount }, { cluster, output });
  const accounts = (): string[] => cluster.asked.map(({ account }) => `${account.namespace}/${account.name}`);

  it('asks the pod that reported the token, and prints what came of it', async () => {
    await run('dynamics');
    expect(output.printed.out).toBe(`${NAME}: reissued, stored, generation 7, expires ${minutesFrom(60)}\n`);
    expect(cluster.calls).toEqual([
      {
        at: { namespace: 'token-acquirer', pod: 'two' },
        token: { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' },
        rejected: 'abcdef01',
        callerToken: expect.any(Redacted),
        certificates: 'the CA of billing/billing-tokens',
        serverName: 'token-acquirer.token-acquirer.svc',
      },
    ]);
    expect(cluster.places).toEqual([{ namespace: 'token-acquirer', pod: 'two' }]);
  });

  it('asks as a client in the namespace of the token, for the audience of the token-acquirer', async () => {
    await run();
    expect(cluster.asked).toEqual([
      { account: { namespace: 'billing', name: 'billing-app' }, audience: 'token-acquirer.token-acquirer' },
    ]);
  });

  it('uses the configured audience and Service', async () => {
    cluster.configured = configuration(CLIENTS, 'audience: tokens\nendpoint: { service: tokens }\n');
    await run();
    expect(cluster.asked[0]?.audience).toBe('tokens');
    expect(cluster.calls[0]?.serverName).toBe('tokens.token-acquirer.svc');
  });

  it('asks as another client if the user may not act as the first', async () => {
    cluster.denied.set('billing-app', DENIED);
    await run();
    expect(accounts()).toEqual(['billing/billing-app', 'other/report']);
    expect(cluster.calls).toHaveLength(1);
  });

  describe('for an AccessToken', () => {
    const asked = (serviceAccounts: string[]) => ({
      namespace: 'billing',
      name: 'dynamics',
      uid: 'x',
      generation: 1,
      createdAt: 0,
      spec: { service: 'dynamics', secretName: 'billing-tokens', serviceAccounts },
      status: {},
    });
    beforeEach(() => {
      const text = 'authorizationServers: { corporate: { issuer: https://login.example.com } }\ntokens: []\n';
      cluster.configured = parseConfiguration(text, 'config.yaml');
    });

    it('asks as a ServiceAccount that it names', async () => {
      cluster.resources = [asked(['billing-app'])];
      await run();
      expect(accounts()).toEqual(['billing/billing-app']);
    });

    it('shows the other way where it names none', async () => {
      cluster.resources = [asked([])];
      expect(String(await failure(run()))).toContain(
        'its AccessToken names no serviceAccounts. Ask for a new token with: kubectl -n billing annotate accesstoken dynamics',
      );
      expect(cluster.calls).toEqual([]);
    });
  });

  it('asks as the client that was chosen', async () => {
    await run(NAME, 'other/report');
    expect(accounts()).toEqual(['other/report']);
  });

  it('reports a token that was never issued as rejected', async () => {
    const { sha256: _, ...never } = tokenReport(NAME);
    cluster.reports.set('two', statusReport([never]));
    await run();
    expect(cluster.calls[0]?.rejected).toBe('0'.repeat(64));
  });

  it('says that a token was not stored', async () => {
    cluster.answer = { ...(cluster.answer as ReissueAnswer), outcome: 'newer', stored: false };
    await run();
    expect(output.printed.out).toContain(': newer, not stored, generation 7');
  });

  describe('says why not', () => {
    it('if the user may act as none of the clients', async () => {
      cluster.denied.set('billing-app', DENIED);
      cluster.denied.set('report', new StoreError('Another.', { permanent: true }));
      expect(await failure(run())).toBe(DENIED);
    });

    it('if the API server does not answer', async () => {
      const unavailable = new StoreError('The API server cannot be reached.');
      cluster.denied.set('billing-app', unavailable);
      expect(await failure(run())).toBe(unavailable);
      expect(accounts()).toEqual(['billing/billing-app']);
    });

    it.each([
      ['no client is a ServiceAccount', '[{ name: script, tokenFile: /a }]'],
      ['the configuration no longer has the token', undefined],
    ])('if %s', async (_what, clients) => {
      if (clients === undefined) cluster.configured = { ...cluster.configured, tokens: [] };
      else cluster.configured = { ...cluster.configured, tokens: cluster.configured.tokens.map(withoutAccounts) };
      expect(await failure(run())).toMatchObject({
        exitCode: 1,
        message: `${NAME} cannot be reissued by hand: no ServiceAccount is among its clients. Add one to its clients in the configuration.`,
      });
    });

    it('if the chosen ServiceAccount is no client', async () => {
      expect(String(await failure(run(NAME, 'billing/other')))).toContain(
        `This ServiceAccount is not among the clients of ${NAME}. Clients: billing/billing-app, other/report.`,
      );
    });

    it.each<[what: string, error: ReissueError, exitCode: number, part: string]>([
      [
        'reissues are paused',
        new ReissueError('No.', { status: 429, code: 'paused', retryAfter: 30_000 }),
        1,
        "Reissue paused: the last new token was rejected soon after it was issued, so another one is unlikely to help. Next attempt allowed in 30s. Check the gateway's log.",
      ],
      [
        'the authorization server rejects the client',
        new ReissueError('The token-acquirer answered 502 (invalid_client).', { status: 502, code: 'invalid_client' }),
        1,
        'See docs/reference/errors.md#invalid_client.',
      ],
      ['the endpoint is not reached', new ReissueError('It cannot be reached (ECONNRESET).'), 3, 'ECONNRESET'],
    ])('if %s', async (_what, error, exitCode, part) => {
      cluster.answer = error;
      const failed = await failure(run());
      expect(failed).toMatchObject({ exitCode });
      expect(String(failed)).toContain(part);
    });
  });
});

function withoutAccounts<Token extends { readonly clients: readonly string[] }>(token: Token): Token {
  return { ...token, clients: ['script'] };
}
