import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installEnvoy } from '../real/install/envoy.ts';
import { type CommandFailed, run } from '../real/install/run.ts';
import { realParts } from '../real/real-parts.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { failure } from '../support/failure.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { HELMS } from './chart.ts';
import { helmBinaries } from './helm.ts';
import { onThisMachine, openSidecarChart, type SidecarPod } from './sidecar-rendering.ts';

const GOLDEN = join(import.meta.dirname, 'sidecar');
const IMAGE = 'registry.example.com/envoyproxy/envoy:distroless-v1.40.0';
const ROUTE = { name: 'dynamics', upstream: 'https://gateway.example.com/dynamics' };

/** Values with one token and one route, and what is put in their place. */
function values(sidecar: object = {}, client: object = {}): object {
  return {
    secret: 'billing-tokens',
    tokens: ['dynamics'],
    sidecar: { image: IMAGE, routes: [ROUTE], ...sidecar },
    ...client,
  };
}

const withRoute = (route: object, client: object = {}): object => values({ routes: [{ ...ROUTE, ...route }] }, client);

/** What users may write, by the name of its golden file. */
const SAMPLES: Readonly<Record<string, object>> = {
  minimal: values(),
  'only-files': values({}, { reissue: false }),
  'several-services': values(
    {
      port: 8090,
      traces: true,
      routes: [
        ROUTE,
        { name: 'crm', token: 'dynamics', upstream: 'https://org.crm.dynamics.com' },
        { name: 'orders', token: 'dynamics', upstream: 'http://orders.shop.svc:8080', allowHttp: true, port: 8091 },
        {
          name: 'keystone',
          upstream: 'https://10.0.0.5:5000/v3/',
          port: 8092,
          header: { name: 'X-Auth-Token' },
          certificateAuthority: { configMap: 'keystone-ca', key: 'bundle.pem' },
        },
      ],
    },
    { tokens: ['dynamics', { name: 'keystone', key: 'os-token' }] },
  ),
  'unusual-names': values({
    routes: [
      { name: 'token-acquirer', token: 'dynamics', upstream: 'https://a.example' },
      { name: 'probe', token: 'dynamics', upstream: 'https://b.example', port: 9001 },
      { name: 'routes', token: 'dynamics', upstream: 'https://c.example', port: 9002 },
      ...['365', 'true', 'null', '1e3'].map((name) => ({ ...ROUTE, name, token: 'dynamics' })),
      { ...ROUTE, header: { name: '365' } },
    ],
  }),
  'another-release': values(
    { runAsUser: null, probePort: 9000, resources: { limits: { memory: '96Mi' } } },
    {
      namespace: 'billing',
      endpoint: { service: 'tokens', namespace: 'platform', port: 443 },
      certificateAuthority: { public: true },
      tokenDirectory: '/run/tokens',
      callerTokenDirectory: '/run/caller',
      volumePrefix: 'oauth-',
    },
  ),
};

/** Without the program, which is the same in all of them. */
function golden(text: string): string {
  return text.replace(/(name: SIDECAR_LUA\n\s+value: )\|\n(?:\s{16}.*\n|\s*\n)+/, '$1…\n');
}

describe.each(HELMS)('the sidecar of the library chart, by %s', (name) => {
  const chart = realParts(async () => {
    const binary = (await helmBinaries()).find((one) => one.name === name);
    if (binary === undefined) throw new Error(`There is no ${name}.`);
    return openSidecarChart(binary);
  });

  it('passes helm lint', async () => {
    expect(await chart().lint()).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  it.each(Object.keys(SAMPLES))('is rendered as in the golden file: %s', async (sample) => {
    const text = golden(await chart().text(SAMPLES[sample]));
    await expect(text).toMatchFileSnapshot(join(GOLDEN, `${sample}.yaml`));
  });

  it('may run in a restricted namespace', async () => {
    const { spec } = await chart().pod();
    expect(spec.initContainers[0]).toMatchObject({
      restartPolicy: 'Always',
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        runAsUser: 65532,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
  });

  it('leaves the user to the cluster where that assigns users', async () => {
    const { spec } = await chart().pod(values({ runAsUser: null }));
    expect(Object.keys(spec.initContainers[0]?.securityContext ?? {})).not.toContain('runAsUser');
  });

  it.each<[string, object, string]>([
    ['a text', values({}, { sidecar: 'envoy' }), 'sidecar takes a mapping such as'],
    ['nothing', values({}, { sidecar: null }), 'sidecar is missing: name its image and its routes'],
    ['a typo', values({ routs: [] }), 'unknown key "routs". Valid keys of sidecar: image, routes, port'],
    ['a text for traces', values({ traces: 'true' }), 'sidecar.traces is either true or false, without quotes'],
    ['no image', values({ image: null }), 'sidecar.image is missing: name an image of Envoy 1.39 or later'],
    ['no routes', values({ routes: null }), 'sidecar.routes is missing, or is not a list'],
    ['an empty list of routes', values({ routes: [] }), 'sidecar.routes is missing, or is not a list'],
    ['a text for a route', values({ routes: ['dynamics'] }), 'sidecar.routes[0] takes a mapping such as'],
    [
      'a typo in a route',
      withRoute({ upstraem: 'a' }),
      'sidecar.routes[0]: unknown key "upstraem". Valid keys of a route',
    ],
    ['a route without a name', withRoute({ name: null }), 'sidecar.routes[0] has no name'],
    [
      'a route in capitals',
      withRoute({ name: 'CRM' }),
      'sidecar.routes[0] has no name, or one that is not a DNS label',
    ],
    ['two routes of one name', values({ routes: [ROUTE, ROUTE] }), 'sidecar.routes[1]: two routes are named dynamics'],
    [
      'a token that is not mounted',
      withRoute({ token: 'crm' }),
      'the token "crm" of the route dynamics is not mounted',
    ],
    ['no upstream', withRoute({ upstream: null }), 'sidecar.routes[0] (dynamics): upstream is missing'],
    ['no scheme', withRoute({ upstream: 'a.example' }), 'upstream "a.example" does not begin with https:// or http://'],
    ['another scheme', withRoute({ upstream: 'ftp://a.example' }), 'does not begin with https:// or http://'],
    ['a query', withRoute({ upstream: 'https://a.example/?b=c' }), 'has a query or a fragment'],
    ['a fragment', withRoute({ upstream: 'https://a.example#b' }), 'has a query or a fragment'],
    ['no host', withRoute({ upstream: 'https:///a' }), 'has no valid host'],
    ['a host with a space', withRoute({ upstream: 'https://a b' }), 'has no valid host'],
    [
      'a port that is none',
      withRoute({ upstream: 'https://a.example:65536' }),
      'has a port that is not a number from 1',
    ],
    ['a colon without a port', withRoute({ upstream: 'https://a.example:' }), 'has a port that is not a number from 1'],
    ['a path that leads up', withRoute({ upstream: 'https://a.example/b/../c' }), 'has a path with an empty, relative'],
    [
      'a variable in a path',
      withRoute({ upstream: 'https://a.example/$(POD_IP)' }),
      'has a path with an empty, relative',
    ],
    [
      'http',
      withRoute({ upstream: 'http://a.example' }),
      'anyone on the network could read the token: write https, or set',
    ],
    ['quotes', withRoute({ allowHttp: 'true' }), 'allowHttp is either true or false, without quotes'],
    ['a header of HTTP', withRoute({ header: { name: 'Host' } }), 'header.name is "Host", which cannot carry a token'],
    [
      'an underscore in a header',
      withRoute({ header: { name: 'X_Token' } }),
      'which cannot carry a token: use letters',
    ],
    [
      'a prefix without a space',
      withRoute({ header: { prefix: 'Bearer' } }),
      'would run into the token: end it with a space',
    ],
    ['a line break', withRoute({ header: { prefix: 'a\nb' } }), 'header.prefix may have letters, digits, spaces'],
    [
      'a typo in a header',
      withRoute({ header: { nmae: 'a' } }),
      'unknown key "nmae". Valid keys of header: name, prefix',
    ],
    ['a text for a header', withRoute({ header: 'a' }), 'header takes { name: X-Auth-Token, prefix: "" }, not string'],
    ['two CAs', withRoute({ certificateAuthority: { configMap: 'a', secret: 'b' } }), 'either configMap or secret'],
    ['a file as CA', withRoute({ certificateAuthority: 'ca.crt' }), 'takes { configMap: NAME } or { secret: NAME }'],
    [
      'a typo in a CA',
      withRoute({ certificateAuthority: { name: 'a' } }),
      'Valid keys of certificateAuthority: configMap',
    ],
    [
      'a CA without TLS',
      withRoute({ upstream: 'http://localhost:80', certificateAuthority: { secret: 'a' } }),
      'certificateAuthority has no effect on an http upstream',
    ],
    [
      'a namespace that is none',
      values({}, { namespace: 'a"b' }),
      'is not a valid name of a namespace: use lower-case',
    ],
    ['a relative folder', values({}, { tokenDirectory: 'tokens' }), 'tokenDirectory "tokens" is not a path that'],
    [
      'a variable in a folder',
      values({}, { callerTokenDirectory: '/$(HOME)' }),
      'is not a path that the sidecar can use',
    ],
    ['a low port', values({ port: 80 }), 'sidecar.port is "80", which is not a port that the sidecar can open'],
    ['a port that is a word', withRoute({ port: 'http' }), 'sidecar.routes[0].port is "http", which is not a port'],
    [
      'one port twice',
      values({ port: 9000, probePort: 9000 }),
      'sidecar.probePort is 9000, which is also sidecar.port',
    ],
    ['a taken port', withRoute({ port: 15080 }), 'sidecar.routes[0].port is 15080, which is also sidecar.port'],
  ])('says what is wrong with %s', async (_, given, sentence) => {
    const { output } = (await failure(chart().text(given))) as CommandFailed;
    expect(output).toContain('token-acquirer-client.sidecar');
    expect(output).toContain(sentence);
  });

  it('repeats no password of an upstream', async () => {
    const given = withRoute({ upstream: 'https://billing:hunter2@a.example' });
    const { output } = (await failure(chart().text(given))) as CommandFailed;
    expect(output).toContain('sidecar.routes[0] (dynamics): upstream has user information');
    expect(output).not.toContain('hunter2');
  });
});

describe('Envoy', () => {
  let authority: CertificateAuthority;
  beforeAll(() => {
    authority = createCertificateAuthority();
  });
  afterAll(() => authority.remove());

  const parts = realParts(async () => {
    const program = await installEnvoy();
    const [binary] = await helmBinaries();
    if (binary === undefined) throw new Error('There is no helm.');
    return { ...(await openSidecarChart(binary)), program };
  });

  async function validate(pod: SidecarPod, edit: (arg: string) => string = (arg) => arg): Promise<string> {
    const { path: folder, remove } = temporaryDirectory();
    const instead = { '/var/run/tokens': `${folder}/tokens`, '/run/tokens': `${folder}/tokens` };
    try {
      mkdirSync(`${folder}/tokens`);
      for (const file of ['tokens/ca.crt', 'ca.keystone.crt']) writeFileSync(join(folder, file), authority.ca);
      for (const token of ['dynamics', 'keystone']) writeFileSync(join(folder, 'tokens', token), 'a-token');
      const { args, env } = onThisMachine(pod, { folder, instead });
      const command = {
        label: 'envoy',
        command: parts().program,
        args: ['--mode', 'validate', ...args.map(edit)],
        env,
      };
      return await run(command);
    } finally {
      remove();
    }
  }

  it.each(Object.keys(SAMPLES))('accepts the configuration without a warning: %s', async (sample) => {
    const said = await validate(await parts().pod(SAMPLES[sample]));
    expect(said).toContain('OK');
    expect(said).not.toMatch(/\[(?:warning|error)\]/);
  });

  it('would not accept one with a typo', async () => {
    const pod = await parts().pod(SAMPLES['minimal']);
    const broken = validate(pod, (arg) => arg.replace('retry_on:', 'retry_or:'));
    expect(((await failure(broken)) as CommandFailed).output).toContain('retry_or');
  });

  it('would not accept a program with a typo', async () => {
    const pod = await parts().pod(SAMPLES['minimal']);
    const broken = validate(pod, (arg) => arg.replace('loadstring(', 'loadstrng('));
    expect(((await failure(broken)) as CommandFailed).output).toContain('loadstrng');
  });
});
