import { sha256 } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import { startAuthorizationServer } from '../authorization-server.ts';
import { startGateway } from '../gateway.ts';
import { startIncidentDesk } from '../incident-desk.ts';
import { closeServer } from '../listener.ts';
import type { RegisteredClient } from '../provider-configuration.ts';
import { REVOCATION_PORT, serveRevocation } from './revocation.ts';
import {
  addressIn,
  durationIn,
  type Environment,
  mountedKeyPair,
  mountedSecret,
  mountedText,
  required,
} from './settings.ts';

/** Writes an event with the fields of its log line, which hold no secret. */
export type Log = (event: string, fields?: Readonly<Record<string, string | number>>) => void;

export interface Surroundings {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
}

/** A service that runs until it is stopped. */
export interface Running {
  stop(): Promise<void>;
}

const HASH_PREFIX = 8;
const SECOND = 1000;

/** The authorization server, by `LISTEN`, `ISSUER`, `SECRETS`, `TOKEN_LIFETIME`, `REVOKE_EVERY`, `REVOCATION_PORT`. */
export async function runAuthorizationServer({ environment, clock, log }: Surroundings): Promise<Running> {
  const secrets = required(environment, 'SECRETS');
  const lifetime = durationIn(environment, 'TOKEN_LIFETIME');
  let newest: string | undefined;
  const server = await startAuthorizationServer({
    ...addressIn(environment, 'LISTEN'),
    issuer: required(environment, 'ISSUER'),
    tls: mountedKeyPair(secrets),
    clients: JSON.parse(mountedText(secrets, 'clients.json')) as RegisteredClient[],
    ...(lifetime !== undefined && { accessTokenLifetime: lifetime / SECOND }),
    onToken: ({ accessToken }) => {
      newest = accessToken;
      if (accessToken !== undefined) log('token-issued', { sha256: prefixOf(accessToken) });
    },
  });
  const revoke = async (): Promise<string | undefined> => {
    const token = newest;
    if (token === undefined || !(await server.revoke(token))) return undefined;
    const digits = prefixOf(token);
    log('token-revoked', { sha256: digits });
    return digits;
  };
  const control = await serveRevocation(revoke, Number(environment['REVOCATION_PORT'] ?? REVOCATION_PORT));
  const stopped = new AbortController();
  void revokeAgainAndAgain({ every: durationIn(environment, 'REVOKE_EVERY'), revoke, clock, signal: stopped.signal });
  log('listening', { issuer: server.issuer });
  return {
    async stop() {
      stopped.abort();
      await Promise.all([server.stop(), closeServer(control.server)]);
    },
  };
}

interface Revocations {
  readonly every: number | undefined;
  readonly revoke: () => Promise<unknown>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

async function revokeAgainAndAgain({ every, revoke, clock, signal }: Revocations): Promise<void> {
  while (every !== undefined && !signal.aborted) {
    await clock.wait(every, signal);
    if (!signal.aborted) await revoke();
  }
}

/** The API gateway, by `LISTEN`, `SERVICE`, `INTROSPECTION_ENDPOINT`, `SECRETS` and `CA`. */
export async function runGateway({ environment, log }: Surroundings): Promise<Running> {
  const secrets = required(environment, 'SECRETS');
  const gateway = await startGateway({
    ...addressIn(environment, 'LISTEN'),
    service: required(environment, 'SERVICE'),
    tls: mountedKeyPair(secrets),
    introspection: {
      endpoint: required(environment, 'INTROSPECTION_ENDPOINT'),
      ca: mountedText(required(environment, 'CA'), 'ca.crt'),
      clientId: mountedText(secrets, 'client_id'),
      clientSecret: mountedSecret(secrets, 'client_secret'),
    },
    onVerdict({ status, sha256: hash }) {
      if (status !== 200)
        log('rejected', { status, ...(hash !== undefined && { sha256: hash.slice(0, HASH_PREFIX) }) });
    },
  });
  log('listening', { url: gateway.url });
  return gateway;
}

/** The external service, by `LISTEN`. */
export async function runIncidentDesk({ environment, log }: Surroundings): Promise<Running> {
  const desk = await startIncidentDesk(addressIn(environment, 'LISTEN'));
  log('listening', { url: desk.url });
  return desk;
}

function prefixOf(token: string): string {
  return sha256(token).slice(0, HASH_PREFIX);
}
