import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';

/** What the figures hang on, by its name. */
export type MachineFacts = Readonly<Record<string, string>>;

const ROOT = join(import.meta.dirname, '../../..');
/** The packages whose versions make a difference to a figure. */
const PACKAGES = [
  'openid-client',
  'fastify',
  'yaml',
  'zod',
  'pino',
  'oidc-provider',
  '@kubernetes/client-node',
] as const;

export interface Started {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly load: string;
}

export function startNow(): Started {
  return { at: Date.now(), load: loadText() };
}

/** Of this machine, for a run that started then and ends now. */
export function machineFacts(started: Started): MachineFacts {
  const processors = new Set(cpus().map(({ model }) => model.trim()));
  return {
    Date: `${new Date(started.at).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    'Run time': `${Math.round((Date.now() - started.at) / 1000)} s`,
    Cores: `${availableParallelism()} (${[...processors].join(', ')})`,
    Memory: `${(totalmem() / 1e9).toFixed(1)} GB`,
    Kernel: `${type()} ${release()}`,
    'Load average': `${started.load} before, ${loadText()} after`,
    Node: process.version,
    Packages: PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', '),
  };
}

function loadText(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

function versionOf(name: string): string {
  const manifest = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
