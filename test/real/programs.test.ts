import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { World } from '../conformance/world.ts';
import { blocksIn } from '../support/code-blocks.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { installApache } from './install/apache.ts';
import { installCollector } from './install/collector.ts';
import { needPackages } from './install/debian.ts';
import { installPrometheus } from './install/prometheus.ts';
import { isOnPath } from './install/run.ts';
import { type Part, startPart } from './parts/part.ts';
import { realParts } from './real-parts.ts';

const PAGE = 'docs/use/programs.md';
const blocks = blocksIn(PAGE, readFileSync(join(import.meta.dirname, '../..', PAGE), 'utf8'));
const SWAPS = 3;
const WITHIN = 30_000;

let world: World;
let folder: ReturnType<typeof temporaryDirectory>;
const parts: Part[] = [];
beforeEach(async () => {
  world = await World.open();
  folder = temporaryDirectory();
  // As the kubelet's folder for pods: the users of other programs get to the files.
  for (const path of [folder.path, dirname(world.directory)]) chmodSync(path, 0o755);
});
afterEach(async () => {
  await Promise.all(parts.splice(0).map((part) => part.stop()));
  await world.close();
  folder.remove();
});

/** What the page has for the program, with the addresses of this test. */
function snippet(beginning: string): string {
  const text = blocks.find((block) => block.text.startsWith(beginning))?.text ?? '';
  expect(text).not.toBe('');
  const { host, pathname } = new URL(world.gateway);
  return text
    .replaceAll('https://gateway.example.com', world.gateway)
    .replaceAll('gateway.example.com', host)
    .replaceAll('metrics_path: ', `metrics_path: ${pathname}`)
    .replaceAll('scheme: https', 'scheme: http')
    .replaceAll('/var/run/tokens', world.directory);
}

function write(name: string, text: string): string {
  const file = join(folder.path, name);
  writeFileSync(file, text);
  return file;
}

function start(label: string, command: string, args: readonly string[]): void {
  parts.push(startPart({ label, command, args }));
}

/** Swaps the volume again and again. Each time the program uses the new token; `use` causes a request, if it needs that. */
async function followsSwaps(use: () => Promise<unknown> = async () => {}): Promise<void> {
  const sends = async (): Promise<boolean> => {
    await use();
    return world.seen.at(-1)?.token === world.current.sha256;
  };
  await until('the first token', sends, WITHIN);
  for (let swap = 0; swap < SWAPS; swap += 1) {
    world.issue();
    world.mount();
    await until(`the token of swap ${swap + 1}`, sends, WITHIN);
  }
  expect(world.reissues).toEqual([]);
}

describe('Prometheus with credentials_file', () => {
  const installed = realParts(async () => ({ ...(await installPrometheus()), stop: async () => {} }));

  it('sends the token of the file after each swap', async () => {
    const config = write(
      'prometheus.yml',
      `global: { scrape_interval: 100ms, scrape_timeout: 100ms }\n${snippet('scrape_configs:')}\n`,
    );
    const listen = `--web.listen-address=127.0.0.1:${await freePort()}`;
    start('Prometheus', installed().prometheus, [
      `--config.file=${config}`,
      `--storage.tsdb.path=${folder.path}/data`,
      listen,
    ]);
    await followsSwaps();
  }, 180_000);
});

describe('an OpenTelemetry Collector with bearertokenauth', () => {
  const collector = realParts(async () => ({ program: await installCollector(), stop: async () => {} }));

  it('sends the token of the file after each swap', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const config = snippet('extensions:').replace('127.0.0.1:4318', address);
    // Its own metrics would need another port.
    const quiet = config.replace('service:\n', 'service:\n  telemetry: { metrics: { level: none } }\n');
    start('the collector', collector().program, ['--config', write('collector.yaml', quiet)]);
    const metric = { name: 'calls', gauge: { dataPoints: [{ asInt: '1', timeUnixNano: '1' }] } };
    const body = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] });
    const headers = { 'content-type': 'application/json' };
    await followsSwaps(() => fetch(`http://${address}/v1/metrics`, { method: 'POST', headers, body }).catch(() => {}));
  }, 180_000);
});

describe('Apache with the token file in an expression', () => {
  const apache = realParts(async () => ({ ...(await installApache()), stop: async () => {} }));

  it('sends the token of the file after each swap, and never an Authorization of the caller', async () => {
    const port = await freePort();
    const modules = ['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http', 'socache_shmcb', 'ssl'];
    const settings = [
      ...modules.map((name) => `LoadModule ${name}_module ${apache().modules}/mod_${name}.so`),
      'ServerName 127.0.0.1',
      `Listen 127.0.0.1:${port}`,
      'User www-data',
      'Group www-data',
      `PidFile ${folder.path}/httpd.pid`,
      `ErrorLog ${folder.path}/error.log`,
      `DefaultRuntimeDir ${folder.path}`,
      'ServerLimit 1',
      'ThreadsPerChild 8',
      'MaxRequestWorkers 8',
    ];
    const config = write('apache.conf', `${[...settings, snippet('SSLProxyEngine')].join('\n')}\n`);
    start('Apache', apache().program, ['-f', config, '-DFOREGROUND']);
    const headers = { authorization: 'Bearer of-the-caller' };
    await followsSwaps(() => fetch(`http://127.0.0.1:${port}/dynamics/incidents`, { headers }).catch(() => {}));
    expect(new Set(world.seen.map(({ path }) => path))).toEqual(new Set(['/dynamics/incidents']));
    expect(world.executed).toBe(world.seen.length);
  }, 180_000);
});

describe('curl in a loop', () => {
  const curl = realParts(async () => {
    const present = (): Promise<boolean> => isOnPath('curl');
    await needPackages({ part: 'curl', missing: 'curl', packages: ['curl'], present });
    return { stop: async () => {} };
  });

  it('sends the token of the file after each swap', async () => {
    curl();
    const loop = snippet('while true').replace('sleep 60', 'sleep 0.1');
    start('curl in a loop', 'sh', ['-c', loop]);
    await followsSwaps();
  }, 180_000);
});
