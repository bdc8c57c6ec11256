import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { installEnvoy } from '../real/install/envoy.ts';
import { run } from '../real/install/run.ts';
import { startPart } from '../real/parts/part.ts';
import { realParts } from '../real/real-parts.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { blocksIn } from '../support/code-blocks.ts';
import { freePort } from '../support/free-port.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { HELMS } from './chart.ts';
import { helm, helmBinaries } from './helm.ts';
import { configurationIn, onThisMachine, openSidecarChart, podIn, type SidecarChart } from './sidecar-rendering.ts';

/** Ten times the time between two writes of the log. */
const SOON = 2500;
const ROOT = join(import.meta.dirname, '../..');
const LIBRARY = join(ROOT, 'charts/token-acquirer-client');
const page = readFileSync(join(ROOT, 'docs/use/sidecar.md'), 'utf8');
const blocks = blocksIn('docs/use/sidecar.md', page);
const folder = temporaryDirectory();
const authority = createCertificateAuthority();
const other = createCertificateAuthority();
afterAll(() => {
  for (const made of [folder, authority, other]) made.remove();
});

const blockOf = (language: string): string => blocks.find((block) => block.language === language)?.text ?? '';
const snippets = blocks.flatMap(({ text }) => {
  const [, file] = /^# (\S+\.yaml)\n/.exec(text) ?? [];
  return file === undefined ? [] : [{ file, text }];
});
const values = (parse(snippets.find(({ file }) => file === 'values.yaml')?.text ?? '') as { tokenAcquirer: Values })
  .tokenAcquirer;
/** What the table of routes says to write. */
const routeKeys = [...page.matchAll(/^\| .* \| `((?:\w+): .*?)`/gm)].map(([, text = '']) => text);

interface Values {
  readonly sidecar: { readonly routes: readonly { readonly name: string; readonly upstream: string }[] };
}

describe.each(HELMS)('the page on the sidecar, by %s', (name) => {
  const binary = realParts(async () => {
    const found = (await helmBinaries()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no ${name}.`);
    const chart = await openSidecarChart(found);
    return { ...found, chart, stop: chart.stop };
  });

  it('shows a chart whose pod has the sidecar of the example', async () => {
    const chart = join(folder.path, name.replace(' ', '-'));
    for (const { file, text } of snippets) {
      mkdirSync(dirname(join(chart, file)), { recursive: true });
      const own = file === 'Chart.yaml' ? 'apiVersion: v2\nname: billing-app\nversion: 1.0.0\n' : '';
      writeFileSync(join(chart, file), own + text.replace(/oci:\S+/, `file://${LIBRARY}`));
    }
    await helm(binary(), ['dependency', 'update', chart]);
    const pod = podIn(await helm(binary(), ['template', 'billing-app', chart]));
    const example = await binary().chart.pod();
    expect(pod.metadata.annotations).toEqual(example.metadata.annotations);
    expect(pod.spec.initContainers).toEqual(example.spec.initContainers);
    expect(pod.spec.volumes).toEqual(example.spec.volumes);
  });

  it('shows keys of a route', () => {
    expect(routeKeys).toHaveLength(5);
  });

  it.each(routeKeys)('shows a key of a route that is accepted: %s', async (text) => {
    const key = parse(text) as { readonly token?: string };
    const route = { ...values.sidecar.routes[0], ...key };
    const upstream = 'allowHttp' in key ? 'http://orders.shop.svc:8080' : route.upstream;
    const given = {
      ...values,
      tokens: ['dynamics', 'crm'],
      sidecar: { ...values.sidecar, routes: [{ ...route, upstream }] },
    };
    expect((await binary().chart.pod(given)).spec.initContainers).toHaveLength(1);
  });
});

/** The service of the page, and an Envoy as it is rendered from the page's values. */
async function startPage(chart: SidecarChart) {
  const requests: string[] = [];
  const service = await startHttpServer((request, response) => {
    requests.push(`${request.method} ${request.url} with ${request.headers.authorization}`);
    const isRejected = request.url?.endsWith('rejected') === true;
    response.writeHead(
      isRejected ? 401 : 200,
      isRejected ? { 'www-authenticate': 'Bearer error="invalid_token"' } : {},
    );
    response.end('done\n');
  });
  const foreign = await startHttpServer((_, response) => response.end('done'), authority.issue());
  const place = temporaryDirectory();
  const [port, probePort] = [await freePort(), await freePort()];
  const routes = [
    ...values.sidecar.routes.map((route) => ({ ...route, upstream: `${service.url}/dynamics` })),
    { name: 'foreign', token: 'dynamics', upstream: foreign.url, certificateAuthority: { configMap: 'a-ca' } },
    { name: 'missing', upstream: service.url },
  ];
  const sidecar = { ...values.sidecar, port, probePort, routes };
  const pod = await chart.pod({
    ...values,
    tokens: ['dynamics', 'missing'],
    reissue: false,
    tokenDirectory: `${place.path}/tokens`,
    sidecar,
  });
  mkdirSync(`${place.path}/tokens`);
  writeFileSync(`${place.path}/tokens/dynamics`, 'a-token');
  const { args, env } = onThisMachine(pod, { folder: place.path });
  const trust = ({ ca }: CertificateAuthority): void => {
    writeFileSync(`${place.path}/new`, ca);
    renameSync(`${place.path}/new`, `${place.path}/ca.foreign.crt`);
  };
  trust(other);
  const envoy = startPart({ label: 'Envoy', command: await installEnvoy(), args, env });
  const ready = async (): Promise<true | undefined> =>
    (await fetch(`http://127.0.0.1:${probePort}/ready`).catch(() => undefined))?.ok === true ? true : undefined;
  const stop = async (): Promise<void> => {
    await envoy.stop();
    await service.stop();
    await foreign.stop();
    place.remove();
  };
  return {
    requests,
    port,
    envoy,
    trustForeign: () => trust(authority),
    ready: () => envoy.until('the start', ready, 60_000),
    stop,
  };
}

describe('the page on the sidecar, on Envoy', () => {
  const place = realParts(async () => {
    const binary = (await helmBinaries()).at(-1);
    if (binary === undefined) throw new Error('There is no helm.');
    const chart = await openSidecarChart(binary);
    const started = await startPage(chart);
    await started.ready();
    return {
      ...started,
      chart,
      stop: async () => {
        await started.stop();
        await chart.stop();
      },
    };
  });

  const lineWith = (text: string): string | undefined =>
    place()
      .envoy.said()
      .split('\n')
      .find((line) => line.startsWith('{') && line.endsWith('}') && line.includes(text));

  it('shows a call that arrives as it says', async () => {
    const [, method, url = ''] = /^# arrives as (\S+) (\S+) with the token$/m.exec(blockOf('sh')) ?? [];
    const script = blockOf('sh').replaceAll('15080', String(place().port));
    expect(await run({ label: 'the call', command: 'sh', args: ['-ec', script] })).toContain('done');
    expect(url).toContain(values.sidecar.routes[0]?.upstream);
    const { pathname, search } = new URL(url);
    expect(place().requests).toEqual([`${method} ${pathname}${search} with Bearer a-token`]);
  });

  it.each([
    ['/elsewhere', '127.0.0.1', 404, 'No route of the token-acquirer sidecar has this path'],
    ['/dynamics/a', 'other.example', 421, 'serves the Host 127.0.0.1:'],
  ])('quotes what %s at %s is answered', async (path, host, status, text) => {
    const { port } = place();
    const options = ['-s', '-i', '-H', `Host: ${host}:${port}`, `http://127.0.0.1:${port}${path}`];
    const answer = await run({ label: 'curl', command: 'curl', args: options });
    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(answer).toContain(text);
    expect(page).toContain(`| ${status} `);
    if (status === 404) expect(page).toContain(text);
  });

  it('shows the fields of a line of the log', async () => {
    const response = await fetch(`http://127.0.0.1:${place().port}/dynamics/rejected`);
    expect(response.status).toBe(401);
    const line = await place().envoy.until('the line', async () => lineWith('token_rejected'), SOON);
    const shown = JSON.parse(blockOf('json')) as object;
    const written = JSON.parse(line) as object;
    expect(Object.keys(written)).toEqual(Object.keys(shown));
    expect(written).toMatchObject({ route: 'dynamics', status: 401, www_authenticate: 'Bearer error="invalid_token"' });
    expect(JSON.stringify(written)).not.toContain('a-token');
  });

  it('names what the log has where the certificate of a service is of another CA', async () => {
    const response = await fetch(`http://127.0.0.1:${place().port}/foreign/a`);
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('upstream connect error');
    const line = await place().envoy.until('the line', async () => lineWith('service_unreachable'), SOON);
    const { route, reason } = JSON.parse(line) as { readonly route?: string; readonly reason?: string };
    expect(route).toBe('foreign');
    expect(reason).toContain('CERTIFICATE_VERIFY_FAILED');
    for (const text of ['upstream connect error', 'CERTIFICATE_VERIFY_FAILED', 'service_unreachable']) {
      expect(page).toContain(text);
    }
  });

  it('follows a change of a private CA without a restart', async () => {
    const status = async (): Promise<number> => (await fetch(`http://127.0.0.1:${place().port}/foreign/a`)).status;
    expect(await status()).toBe(503);
    place().trustForeign();
    await until('a success', async () => (await status()) === 200, SOON);
  });

  it('quotes what a request without a token file is answered', async () => {
    const response = await fetch(`http://127.0.0.1:${place().port}/missing/a`);
    expect(response.status).toBe(401);
    const text = (await response.text()).replace(/\.$/, '');
    expect(page).toContain(`401 \`${text}\``);
  });

  it('says which ports the sidecar opens', async () => {
    const pod = await place().chart.pod(values);
    const [container] = pod.spec.initContainers;
    const { static_resources: resources } = configurationIn({ args: container?.args ?? [] }) as {
      static_resources: { listeners: { address: { socket_address: { address: string; port_value: number } } }[] };
    };
    expect(resources.listeners.map(({ address }) => address.socket_address)).toEqual([
      { address: '127.0.0.1', port_value: 15080 },
      { address: '$(POD_IP)', port_value: 15089 },
    ]);
  });
});
