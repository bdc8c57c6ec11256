import type { ClientApp } from '../../ports/execution-state.ts';

const MEBIBYTE = 1024 * 1024;
/** For one token, the listeners and their connections, and watches of 256 token Secrets. */
const BASE = 112;
/** For each 1,000 tokens: 13 MiB are in use, V8 needs three times as much, and a start reads the configuration as well. */
const PER_THOUSAND = 50;
/** For each 1,000 client apps: each watch of pods has its own TLS connection. Measured by `npm run bench -- sizing`. */
const PER_THOUSAND_APPS = 120;

/** The memory depends on the number of tokens, and of client apps whose pods are watched. */
export interface Load {
  readonly tokens: number;
  readonly apps: number;
}

/** Counts each client app once, however many tokens it has. */
export function loadOf(tokens: readonly { readonly clientApp: ClientApp | undefined }[]): Load {
  const apps = new Set<string>();
  for (const { clientApp: app } of tokens) {
    if (app !== undefined && 'selector' in app) apps.add(`${app.namespace} ${app.selector}`);
  }
  return { tokens: tokens.length, apps: apps.size };
}

/** Returns how much memory a process needs, in bytes. Measured with tokens of 1.2 kB in Secrets. */
export function memoryNeed({ tokens, apps }: Load): number {
  return Math.ceil(BASE + (PER_THOUSAND * tokens + PER_THOUSAND_APPS * apps) / 1000) * MEBIBYTE;
}

/** Returns a warning where the process may use less memory than it needs. `limit` in bytes; `undefined`: none is known. */
export function memoryWarning(load: Load, limit: number | undefined): string | undefined {
  const need = memoryNeed(load);
  if (limit === undefined || limit >= need) return undefined;
  const [wanted, given] = [need, limit].map((bytes) => Math.floor(bytes / MEBIBYTE));
  const what = load.apps === 0 ? '' : ` with ${load.apps} client apps`;
  return `${load.tokens} tokens${what} need about ${wanted} MiB of memory, but this process may use ${given} MiB. The kernel may end the process before all tokens are stored. Raise the memory limit (in the chart: resources.limits.memory).`;
}
