import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { secret } from '../../support/secrets.ts';
import { type Benchmark, type Context, type Row, Scope } from '../benchmark.ts';
import { buildProgram, type Program, startAcquirer } from '../parts/acquirer.ts';
import type { ApiServerAnswer, ApiServerReady } from '../parts/api-server-main.ts';
import { startPart } from '../parts/parts.ts';
import type { TokenServerReady } from '../parts/token-server-main.ts';
import { bytes, number } from '../report/numbers.ts';
import { processorTime } from './memory.ts';

/** How many tokens, and whether each has a client app whose pods are watched. */
const SIZES = [
  { tokens: 1, watched: true },
  { tokens: 200, watched: true },
  { tokens: 200, watched: false },
  { tokens: 1000, watched: true },
  { tokens: 1000, watched: false },
  { tokens: 5000, watched: false },
] as const;
const LIFETIME = 3600;
/** At 67 % of the lifetime, less up to 5 % of that. */
const RENEWALS_AN_HOUR = 1 / (0.67 * 0.975);
const SETTLED = 45_000;
const WATCHED = 60_000;
const HOUR = 3_600_000;
const SECRET = 'tokens';
const LABELS = { app: 'app' };
const MIB = 1024 * 1024;
/** The default of the chart, which is what a small release has. */
const LEAST_LIMIT = 192 * MIB;
const STEP = 32;

export const sizing: Benchmark = {
  name: 'sizing',
  title: 'What a release takes, by its number of tokens',
  method: [
    `The bundle with many tokens of ${LIFETIME / 3600} h, each with a namespace, a Secret and a credential, on an API server of the tests over TLS. In some rows each has a client app whose pods are watched. Memory is the most that was resident since the start, including the renewal of all tokens together.`,
    `Compared with: the chart's memory limit, one core, and requests to the API server for each token. An hour is reckoned from ${WATCHED / 1000} s in which nothing is renewed, and ${RENEWALS_AN_HOUR.toFixed(2)} renewals of each token.`,
  ],
  async run(context) {
    const program = await buildProgram(context.scope);
    const rows: Row[] = [];
    context.tell('| tokens | memory | limit | processor | API requests |');
    for (const size of SIZES) {
      const measured = await measure(context, program, size);
      context.tell(lineOf(measured));
      rows.push(...rowsOf(measured));
    }
    return rows;
  },
};

interface Size {
  readonly tokens: number;
  readonly watched: boolean;
}

interface Measured extends Size {
  /** Bytes: the most that was resident, and anonymous memory when nothing happens. */
  readonly most: number;
  readonly idle: number;
  /** Milliseconds of processor time, and requests, in an hour. */
  readonly processor: number;
  readonly requests: number;
}

async function measure({ tell }: Context, program: Program, { tokens, watched }: Size): Promise<Measured> {
  const scope = new Scope();
  try {
    tell(nameOf({ tokens, watched }));
    const namespaces = Array.from({ length: tokens }, (_unused, team) => `team-${team}`);
    const server = await startPart<TokenServerReady>(scope, 'token-server', { lifetime: LIFETIME });
    const api = await startPart<ApiServerReady>(scope, 'api-server', { namespaces, secret: SECRET, labels: LABELS });
    const asked = (): Promise<ApiServerAnswer> => api.ask<ApiServerAnswer>({ what: 'requests' });
    const place = fleetPlace(scope, namespaces, { ...server.ready, ...api.ready, watched });
    const { pid, counted, count } = await startAcquirer(scope, program, place);
    await counted('token-stored', tokens);
    await pause(SETTLED);
    const [quiet] = [processorTime(pid), await asked()];
    await pause(WATCHED);
    const still = { processor: processorTime(pid) - quiet, requests: total(await asked()) };
    const idle = memoryOf(pid, 'RssAnon');
    const [before, stored] = [processorTime(pid), count('token-stored')];
    // Shorter than the tokens are old, so that all of them are due.
    place.mount({ interval: '30s' });
    await counted('token-stored', stored + tokens);
    const renewed = count('token-stored') - stored;
    const renewal = {
      processor: (processorTime(pid) - before) / renewed,
      requests: total(await asked()) / renewed,
    };
    const anHour = (of: 'processor' | 'requests'): number =>
      (still[of] * HOUR) / WATCHED + renewal[of] * tokens * RENEWALS_AN_HOUR;
    return {
      tokens,
      watched,
      idle,
      most: memoryOf(pid, 'VmHWM'),
      processor: anHour('processor'),
      requests: anHour('requests'),
    };
  } finally {
    await scope.close();
  }
}

interface Around extends TokenServerReady, ApiServerReady, Pick<Size, 'watched'> {}

/** The folders that a token-acquirer of many teams works on. */
function fleetPlace(scope: Scope, namespaces: readonly string[], around: Around) {
  const { tokenEndpoint, kubeconfig, watched } = around;
  const root = mkdtempSync(join(tmpdir(), 'token-acquirer-bench-'));
  scope.add(() => rmSync(root, { recursive: true, force: true }));
  const [config, credentials] = [join(root, 'config.yaml'), join(root, 'credentials')];
  const clientSecret = secret('client-secret');
  const shared = join(credentials, '.shared');
  mkdirSync(shared, { recursive: true, mode: 0o700 });
  let state = 0;
  /** Puts the keys of all credentials into force together, as the kubelet does. */
  const mount = (more: Readonly<Record<string, string>> = {}): void => {
    state += 1;
    mkdirSync(join(shared, `..${state}`), { mode: 0o700 });
    for (const namespace of namespaces) {
      const values = { client_id: namespace, client_secret: clientSecret, ...more };
      for (const [key, value] of Object.entries(values)) {
        writeFileSync(join(shared, `..${state}`, `${namespace}.${key}`), value, { mode: 0o600 });
      }
    }
    symlinkSync(`..${state}`, join(shared, '..next'));
    renameSync(join(shared, '..next'), join(shared, '..data'));
  };
  mount();
  const tokens = namespaces.map((namespace) => ({
    name: 'dynamics',
    authorizationServer: 'corporate',
    credential: namespace,
    grant: 'client_credentials',
    secret: { namespace, name: SECRET },
    clients: [{ namespace, serviceAccount: 'app' }],
    ...(watched && { clientApp: { namespace, selector: 'app=app' } }),
  }));
  writeFileSync(config, stringify({ authorizationServers: { corporate: { tokenEndpoint } }, tokens }));
  const files = ['--config', config, '--credentials', credentials, '--kubeconfig', kubeconfig];
  const args = [...files, '--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
  return { args, mount };
}

function total(counts: ApiServerAnswer): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The chart's memory limit, which test/charts/templates.test.ts compares with what the program itself finds necessary. */
function limitOf({ tokens, watched }: Size): number {
  const needed = 160 + (60 * tokens + (watched ? 150 * tokens : 0)) / 1000;
  return Math.max(LEAST_LIMIT, Math.ceil(needed / STEP) * STEP * MIB);
}

function nameOf({ tokens, watched }: Size): string {
  return `${number(tokens)} ${tokens === 1 ? 'token' : 'tokens'}${watched ? ' with client apps' : ''}`;
}

function rowsOf({ most, processor, requests, ...size }: Measured): Row[] {
  const { tokens } = size;
  const [limit, name] = [limitOf(size), nameOf(size)];
  return [
    {
      name: `${name}: most memory`,
      ours: bytes(most),
      reference: `${bytes(limit)} (limit)`,
      ratio: most / limit,
      goal: { text: 'below the limit', ratio: 1, met: most < limit },
    },
    {
      name: `${name}: processor time an hour`,
      ours: `${(processor / 1000).toFixed(1)} s`,
      reference: '3,600 s (a core)',
      ratio: processor / HOUR,
    },
    {
      name: `${name}: API requests an hour`,
      ours: number(Math.round(requests)),
      reference: `${number(tokens)} (tokens)`,
      ratio: requests / tokens,
    },
  ];
}

/** Of the table in the documents. */
function lineOf({ most, idle, processor, requests, ...size }: Measured): string {
  const mebibytes = (amount: number): string => `${Math.ceil(amount / MIB)} MiB`;
  const cells = [
    nameOf(size),
    `${mebibytes(most)}, idle ${mebibytes(idle)}`,
    mebibytes(limitOf(size)),
    `${((100 * processor) / HOUR).toFixed(1)} %`,
    `${(requests / 3600).toFixed(1)} a second`,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Bytes, of `/proc/PID/status`. */
function memoryOf(pid: number, field: 'RssAnon' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) * 1024;
}
