import { readFileSync } from 'node:fs';
import { createOutbound } from '../adapters/http/outbound.ts';
import { fileSource } from '../adapters/kubernetes/doctor/mounted-file.ts';
import { presence, type Readings } from '../adapters/kubernetes/doctor/readings.ts';
import { placeText, type Release, readFileSource } from '../adapters/kubernetes/doctor/release.ts';
import { probeServer } from '../adapters/oauth/server-probe.ts';
import type { NamespacedName } from '../core/doctor/expected-token.ts';
import type { ObservedServer, Seen } from '../core/doctor/observed.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExpectedServer } from './cli/expected-tokens.ts';

export interface ServerSurroundings {
  readonly readings: Readings;
  readonly release: Release;
  /** Of the token-acquirer. */
  readonly namespace: string;
  readonly clock: Clock;
}

const TIMEOUT = 5000;
/** Metadata and token endpoint, each with its own timeout. */
const LONGEST = 4 * TIMEOUT;

/** Finds out whether an authorization server can be called, from this machine or at least in the cluster. */
export async function observeServer(server: ExpectedServer, surroundings: ServerSurroundings): Promise<ObservedServer> {
  const { name, url, settings } = server;
  const { readings, clock } = surroundings;
  const way = new URL(settings.proxy ?? url);
  const port = Number(way.port) || (way.protocol === 'https:' ? 443 : 80);
  const authority = await authorityOf(settings.caFile, surroundings);
  const facts = {
    name,
    host: way.hostname,
    port,
    authority: authority && { ...authority, found: presence(authority.found) },
  };
  const service = serviceIn(way.hostname);
  if (service !== undefined) {
    const path = `/api/v1/namespaces/${service.namespace}/services/${service.name}`;
    const what = `get services in the namespace ${service.namespace}`;
    return { ...facts, reach: { kind: 'inside', service, found: presence(await readings.object(path, what)) } };
  }
  // Without its CA, all but the certificate can be judged.
  const isTrusted = authority?.found !== 'missing' && authority?.found !== 'unreadable';
  const ca = isTrusted ? authority?.found : undefined;
  const noProxy = process.env['no_proxy'] ?? process.env['NO_PROXY'];
  const outbound = createOutbound({
    timeout: TIMEOUT,
    ...(ca !== undefined && { ca: () => ca }),
    caPlace: authority?.place ?? 'caFile',
    ...(settings.proxy !== undefined && { proxy: settings.proxy }),
    ...(noProxy !== undefined && { noProxy }),
  });
  const reach = await probeServer(server, { outbound, clock, signal: AbortSignal.timeout(LONGEST) });
  const isUnknown = !isTrusted && reach.kind === 'failed' && reach.failure === 'certificate';
  return { ...facts, reach: isUnknown ? { kind: 'unknown' } : reach };
}

interface FoundAuthority {
  readonly place: string;
  /** Its PEM text. */
  readonly found: Seen<string>;
}

/** The CA file of this machine, or what a pod has in its place. */
async function authorityOf(
  caFile: string | undefined,
  { readings, release, namespace }: ServerSurroundings,
): Promise<FoundAuthority | undefined> {
  if (caFile === undefined) return undefined;
  const place = `the CA file ${caFile}`;
  try {
    return { place, found: readFileSync(caFile, 'utf8') };
  } catch {
    // It is mounted elsewhere.
  }
  const [deployment] = typeof release.deployments === 'string' ? [] : release.deployments;
  const source = deployment === undefined ? undefined : fileSource(deployment, caFile);
  if (source === undefined) return { place, found: 'unreadable' };
  return { place: placeText(namespace, source), found: await readFileSource(readings, namespace, source) };
}

/** `keycloak.auth.svc.cluster.local` */
function serviceIn(host: string): NamespacedName | undefined {
  const [, name, namespace] = /(?:^|\.)([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.|$)/.exec(host) ?? [];
  return name === undefined || namespace === undefined ? undefined : { namespace, name };
}
