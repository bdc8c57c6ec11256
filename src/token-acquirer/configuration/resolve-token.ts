import { resolve } from 'node:path';
import { parseDuration } from '../../core/duration.ts';
import { DEFAULT_LIFETIME, DEFAULT_RENEWAL, type RenewalRule } from '../../core/renewal.ts';
import { ownerOf, type Shards } from '../../core/shards.ts';
import { sha256 } from '../../core/token.ts';
import { NO_COPIES } from '../../core/token-copies.ts';
import { headerOf } from '../../core/token-header.ts';
import type { ClientApp } from '../../ports/execution-state.ts';
import type { EvidenceSettings, TokenSpecification } from '../token/specification.ts';
import { matchOf } from './evidence-schema.ts';
import { keyOf } from './key-collisions.ts';
import { protocolRow } from './protocols.ts';
import type { TokenInput } from './schema.ts';
import type { ServerInput } from './server-schema.ts';

/** What a specification depends on besides its token. */
export interface TokenSurroundings {
  /** Relative paths are relative to it. */
  readonly folder: string;
  readonly shards: Shards;
}

/** Fills in the defaults of a token, and resolves its names. */
export function specificationOf(
  token: TokenInput,
  server: ServerInput,
  { folder, shards }: TokenSurroundings,
): TokenSpecification {
  const { name, secret, credential, authorizationServer } = token;
  const facts = protocolRow(server).resolveToken(token, server, folder);
  const identity = { namespace: secret.namespace, secret: secret.name, name };
  return {
    identity,
    key: keyOf(token),
    authorizationServer,
    credential,
    ...facts,
    renewal: renewalOf(token.renewal),
    defaultLifetime: parseDuration(server.defaultLifetime ?? '') ?? DEFAULT_LIFETIME,
    isLifetimeConfigured: server.defaultLifetime !== undefined,
    clients: token.clients.map(callerNameOf),
    evidence: evidenceOf(token),
    clientApp: clientAppOf(token, folder),
    respondWith: token.reissue?.respondWith ?? 'token',
    readers: secret.readers,
    delivery: token.delivery,
    copies: token.copies ?? NO_COPIES,
    header: headerOf(token.header),
    onCredentialChange: token.onCredentialChange,
    revokePrevious: token.revokePrevious,
    shard: ownerOf(identity, shards),
    requestFingerprint: sha256(JSON.stringify([server, credential, facts.demand])),
  };
}

/** A ServiceAccount has the user name that the API server gives it. */
function callerNameOf({ name, namespace, serviceAccount }: TokenInput['clients'][number]): string {
  return name ?? `system:serviceaccount:${namespace}:${serviceAccount}`;
}

function evidenceOf({ evidence }: TokenInput): EvidenceSettings | undefined {
  if (evidence === undefined) return undefined;
  const { log, reporters } = evidence;
  const container = log?.container === undefined ? {} : { container: log.container };
  return {
    ...(log !== undefined && { log: { ...container, match: matchOf(log) } }),
    reporters: reporters.map(callerNameOf),
  };
}

function renewalOf(renewal: TokenInput['renewal']): RenewalRule {
  const interval = renewal?.interval === undefined ? undefined : parseDuration(renewal.interval);
  if (interval !== undefined) return { interval };
  return renewal?.at === undefined ? DEFAULT_RENEWAL : { at: Number.parseFloat(renewal.at) / 100 };
}

function clientAppOf({ clientApp, secret, delivery }: TokenInput, folder: string): ClientApp | undefined {
  const { namespace, selector } = clientApp ?? {};
  if (namespace !== undefined && selector !== undefined) {
    const isUsable = namespace === secret.namespace && delivery === 'secret';
    return isUsable ? { namespace, selector, secret: secret.name } : { namespace, selector };
  }
  if (clientApp?.healthUrl !== undefined) return { healthUrl: clientApp.healthUrl };
  return clientApp?.pidFile === undefined ? undefined : { pidFile: resolve(folder, clientApp.pidFile) };
}
