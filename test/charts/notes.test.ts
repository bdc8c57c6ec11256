import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { realParts } from '../real/real-parts.ts';
import { configurationOf, minimal, openChart, tokenWith } from './chart.ts';

const REFRESHED = { tokens: [tokenWith({ grant: 'refresh_token' })] };

const WARNINGS: readonly [string, object, string][] = [
  [
    'the password grant',
    minimal({}, { tokens: [tokenWith({ grant: 'password' })] }),
    'config.tokens[0].grant: password is forbidden for new applications by RFC 9700 section 2.4. Use client_credentials if the authorization server supports it.',
  ],
  [
    'a client that every pod of its namespace is',
    minimal({}, { tokens: [tokenWith({ clients: [{ namespace: 'billing', serviceAccount: 'default' }] })] }),
    'config.tokens[0].clients[0]: default is the ServiceAccount of every pod in the namespace billing that names none, and all of these pods may request this token. Give the client app its own ServiceAccount.',
  ],
  [
    'a refresh token that goes with the release',
    minimal({}, REFRESHED),
    'config.tokens[0].grant: uninstalling the release deletes the rotated refresh token. Set secret.keep to keep it.',
  ],
  [
    'refresh tokens that are sent twice',
    minimal({}, { authorizationServers: { corporate: { issuer: 'https://a.example', refreshTokenReuse: true } } }),
    'config.authorizationServers.corporate.refreshTokenReuse: true sends a used refresh token again at any time, which the server may treat as theft. Set the time for which the server allows it, such as 30s.',
  ],
  [
    'a credential in the environment',
    minimal({
      extraEnv: [
        { name: 'TZ', value: 'UTC' },
        { name: 'CLIENT_SECRET', value: 'a' },
      ],
    }),
    'extraEnv[1]: anyone who may read pods can read a value in the environment. Credentials belong in their Secrets.',
  ],
  [
    'an image that changes by itself',
    minimal({ image: { repository: 'token-acquirer', tag: 'latest' } }),
    'image.tag: the image behind latest changes without an upgrade. Name a version, or a digest.',
  ],
  [
    'a container that may do more',
    minimal({ securityContext: { allowPrivilegeEscalation: true } }),
    'podSecurityContext, securityContext: they allow more than the token-acquirer needs.',
  ],
  [
    'a pod that may run as root',
    minimal({ podSecurityContext: { runAsNonRoot: false } }),
    'podSecurityContext, securityContext: they allow more than the token-acquirer needs.',
  ],
  [
    'an endpoint that the world can call',
    minimal({ service: { type: 'NodePort' } }),
    'service.type: NodePort opens the reissue endpoint to callers outside of the cluster.',
  ],
  ...[0, '0%'].map((maxUnavailable): [string, object, string] => [
    `nodes that cannot be drained (${maxUnavailable})`,
    minimal({ podDisruptionBudget: { enabled: true, maxUnavailable } }),
    'podDisruptionBudget.maxUnavailable is 0, so nodes with a pod of the token-acquirer cannot be drained.',
  ]),
  [
    'Prometheus locked out',
    minimal({
      networkPolicy: { enabled: true },
      metrics: { serviceMonitor: { enabled: true, renderMode: 'alwaysRender' } },
    }),
    'networkPolicy.metricsFrom is empty, so Prometheus cannot read the metrics. Name its namespace there.',
  ],
  [
    'alerts on a job that there is not',
    minimal({ metrics: { prometheusRule: { enabled: true } } }),
    'metrics.prometheusRule: its alerts look for the job token-acquirer, which metrics.serviceMonitor makes. Without, TokenAcquirerDown fires all the time, and no other ever does.',
  ],
  [
    'permissions for pods of somebody else',
    minimal({ serviceAccount: { create: false } }),
    'serviceAccount.name: default is the ServiceAccount of every pod in the namespace token-acquirer that names none, and all of these pods may now read the tokens. Name a ServiceAccount that only the token-acquirer uses.',
  ],
  [
    'a password for a proxy',
    minimal({ proxy: { url: 'http://me:pass@proxy:3128' } }),
    'config.authorizationServers.corporate.proxy, or proxy.url: anyone who may read ConfigMaps can read a password in it. Use a proxy that admits the pod without a password.',
  ],
  ...(
    [
      ['at 67 %', '4m32s', undefined],
      ['at another part', '10m', { at: '90%' }],
      ['after an interval', '10m', { interval: '8m31s' }],
      ['at the latest, before the interval', '899s', { interval: '1d' }],
      ['after half a second', '1m30s250ms', { interval: '0.5s' }],
    ] as const
  ).map(([when, defaultLifetime, renewal]): [string, object, string] => [
    `a token that is renewed too late for plain readers: ${when}`,
    minimal({}, withLifetime(defaultLifetime, { renewal })),
    `config.tokens[0]: with the defaultLifetime of corporate, ${defaultLifetime}, the token is renewed less than 90 s before it expires. A program that only reads the token file may get the new one too late. Set config.propagation.nudge, or secret.readers to library if every client asks for a reissue.`,
  ]),
  [
    'permissions that somebody else must give',
    minimal({ rbac: { create: false } }),
    'rbac.create is false: create the RBAC yourself, or no token is stored.',
  ],
];

/** A configuration whose server states no lifetime. */
function withLifetime(defaultLifetime: string, token: object = {}): object {
  const authorizationServers = { corporate: { issuer: 'https://login.example.com', defaultLifetime } };
  return { authorizationServers, tokens: [tokenWith(token)] };
}

describe('the notes of an installation', () => {
  // Helm 3 asks a cluster for its version before it prints notes; the lifecycle tests have it do that.
  const chart = realParts(() => openChart('helm 4'));
  const notes = (values: object, rendering = {}) => chart().notes(values, rendering);

  it('give the commands to wait, check, try and see, for this release and namespace', async () => {
    const text = await notes(minimal(), { release: 'corp', namespace: 'tokens' });
    const commands = text.match(/^ {3}(?:kubectl|helm) .*$/gm)?.map((command) => command.trim());
    expect(commands).toEqual([
      'kubectl -n tokens rollout status deployment/corp-token-acquirer --timeout=2m',
      'kubectl -n tokens exec deployment/corp-token-acquirer -- token-acquirer validate',
      'kubectl -n tokens exec deployment/corp-token-acquirer -- token-acquirer credentials check dynamics',
      'kubectl -n tokens exec deployment/corp-token-acquirer -- token-acquirer status',
      'helm test corp -n tokens',
    ]);
  });

  it('name the configuration, as the status will', async () => {
    const objects = await chart().objects(minimal());
    const hash = createHash('sha256').update(configurationOf(objects).text).digest('hex').slice(0, 8);
    expect(await notes(minimal())).toContain(`The configuration of this installation is ${hash}:\n`);
  });

  it('try each credential once, and none whose refresh token that would spend', async () => {
    const tried = async (tokens: readonly object[]): Promise<string | undefined> =>
      /token-acquirer credentials check (.*)/.exec(await notes(minimal({}, { tokens })))?.[1];
    const named = (name: string, more: object = {}): object => tokenWith({ name, credential: name, ...more });
    expect(await tried([named('a'), named('b', { credential: 'a' }), named('c')])).toBe('a c');
    expect(await tried([named('a'), named('b', { grant: 'refresh_token' })])).toBe('a');
    expect(await tried([named('b', { grant: 'refresh_token' })])).toBeUndefined();
    expect(await tried(Array.from({ length: 11 }, (_, index) => named(`token-${index}`)))).toBe('NAME');
  });

  it('say that `helm test` needs an image, where it has none', async () => {
    const hint = '(set test.image.repository first; otherwise no test runs)';
    expect(await notes(minimal())).toContain(hint);
    const named = { test: { image: { repository: 'client-app' }, serviceUrl: 'https://gateway.example.com' } };
    expect(await notes(minimal(named))).not.toContain(hint);
  });

  it('say what to do next where there is no token yet, in values that are valid', async () => {
    const empty = minimal({}, { authorizationServers: {}, tokens: [] });
    const text = await notes(empty);
    expect(text).toContain('for 0 tokens.\nNo token is configured yet.');
    expect(text).toContain('helm upgrade token-acquirer CHART -n token-acquirer -f values.yaml');
    const [, shown = ''] = /such as:\n([\s\S]*?)\nThen:/.exec(text) ?? [];
    const values = { ...empty, ...(parse(shown) as object) };
    expect(await notes(values)).toContain('for 1 token.');
    expect(await notes(values)).not.toContain('No token is configured yet');
  });

  it('name the services that application teams can use, also where no token is configured', async () => {
    const service = { authorizationServer: 'corporate', credential: 'partner', grant: 'client_credentials' };
    const services = { partner: { ...service, namespaces: ['billing'] } };
    const text = await notes(minimal({}, { tokens: [], services }));
    expect(text).toContain(
      'for 0 tokens.\nApplication teams can ask for tokens of 1 service by AccessTokens: partner.\n',
    );
    expect(text).toContain('kubectl get accesstokens --all-namespaces');
    expect(text).not.toContain('No token is configured yet');
  });

  it('say where credentials are read from, and where clients call', async () => {
    const tokens = [tokenWith({}), tokenWith({ name: 'b', credential: 'ledger' })];
    const values = minimal({ credentials: { ledger: { existingSecret: 'vault-ledger' } } }, { tokens });
    const text = await notes({ ...values, service: { port: 443 } });
    expect(text).toContain('for 2 tokens.');
    expect(text).toMatch(/loads changes while it runs:\n {3}dynamics-credentials\n {3}vault-ledger\n/);
    expect(text).toContain('https://token-acquirer.token-acquirer.svc:443');
  });

  it('say what clients check the certificate with, and that it may be missing', async () => {
    expect(await notes(minimal())).toContain('They verify its certificate with ca.crt from their token volume.\n');
    const text = await notes(minimal({ tls: { existingSecret: 'bought' } }));
    expect(text).toContain(
      'with ca.crt from their token volume, if the Secret bought has one. Otherwise leave ca.crt out',
    );
  });

  it('say where the results of `helm test` are, which helm itself does not find in other namespaces', async () => {
    const test = { image: { repository: 'client-app' }, serviceUrl: 'https://gateway.example.com' };
    const text = await notes(minimal({ test }));
    const logs = text.match(/^ {3}kubectl -n billing logs \S+$/gm);
    expect(logs).toHaveLength(2);
    expect(await notes(minimal())).not.toContain(' logs ');
  });

  it('show with one command which pods of several teams failed, and name the command nowhere else', async () => {
    const test = { image: { repository: 'client-app' }, serviceUrl: 'https://gateway.example.com' };
    const shipping = {
      secret: { namespace: 'shipping', name: 'shipping-tokens' },
      clients: [{ namespace: 'shipping', serviceAccount: 'shipping-app' }],
    };
    const text = await notes(minimal({ test }, { tokens: [tokenWith({}), tokenWith(shipping)] }));
    const labels = 'app.kubernetes.io/instance=token-acquirer,app.kubernetes.io/name=token-acquirer-test';
    expect(text).toContain(`   kubectl get pods -A -l ${labels} -o custom-columns=`);
    for (const other of [minimal({ test }), minimal()]) expect(await notes(other)).not.toContain('get pods -A');
  });

  it('say whom an authorization server must trust, with workload identity', async () => {
    const issuer = 'https://login.example.com';
    const authorizationServers = { corporate: { issuer, clientAuthentication: 'workload_identity' } };
    const text = await notes(minimal({ serviceAccount: { name: 'robot' } }, { authorizationServers }));
    expect(text).toContain('(corporate) must trust the subject\nsystem:serviceaccount:token-acquirer:robot\n');
    expect(await notes(minimal())).not.toContain('subject');
  });

  it('warn of nothing that is as expected', async () => {
    expect(await notes(minimal())).not.toContain('WARNINGS');
    expect(await notes(minimal({ secret: { keep: true } }, REFRESHED))).not.toContain('WARNINGS');
  });

  const library = { secret: { namespace: 'billing', name: 'billing-tokens', readers: 'library' } };

  it.each<[string, object]>([
    ['a longer lifetime', withLifetime('4m33s')],
    ['exactly as long', withLifetime('900s', { renewal: { at: '90%' } })],
    ['an early renewal', withLifetime('2m', { renewal: { interval: '30s' } })],
    ['clients that ask for a reissue', withLifetime('1m', library)],
    ['tokens that are in no Secret', withLifetime('1m', { delivery: 'endpoint' })],
    ['the nudge', { ...withLifetime('1m'), propagation: { nudge: true } }],
  ])('does not warn of volumes that follow in time: %s', async (_, config) => {
    expect(await notes(minimal({}, config))).not.toContain('90 s before');
  });

  it('say how long tokens have to live for programs that only read the file, where that counts', async () => {
    const rule = 'needs tokens that stay valid for 90 s after their renewal';
    expect(await notes(minimal())).toContain(rule);
    expect(await notes(minimal({}, { propagation: { nudge: true } }))).not.toContain(rule);
    expect(await notes(minimal({}, { tokens: [tokenWith(library)] }))).not.toContain(rule);
    expect(await notes(minimal({}, { tokens: [tokenWith(library), tokenWith({ name: 'b' })] }))).toContain(rule);
  });

  it.each(WARNINGS)('warn of %s', async (_, values, warning) => {
    const [, warned = ''] = (await notes(values)).split('WARNINGS\n');
    expect(warned.trim()).toBe(`- ${warning}`);
  });
});
