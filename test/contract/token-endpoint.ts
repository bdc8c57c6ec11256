import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TokenErrorCode, TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ProtocolRequest, TokenEndpoint, TokenRequest } from '../../src/ports/token-endpoint.ts';
import { secret } from '../support/secrets.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';

/** A TokenEndpoint and the say over what is behind it. Without any say, each request gets its own token. */
export interface TokenEndpointHarness {
  readonly endpoint: TokenEndpoint;
  /** The next request is rejected with this code. */
  refuseNext(code: RefusalCode): void;
  /** The next answer brings this refresh token. */
  issueNext(refreshToken: string): void;
  /** Answers wait from now on. */
  hold(): void;
  release(): void;
  /** From now on there is nobody to connect to. */
  disconnect(): Promise<void>;
  /** How many requests have arrived. */
  arrived(): number;
  stop(): Promise<void>;
}

type RefusalCode = 'invalid_client' | 'invalid_grant' | 'invalid_request' | 'server_error';

/** The requests and rejections of one protocol. */
export interface Dialect {
  readonly request: () => TokenRequest;
  /** The values of its credential that must not be printed. */
  readonly secrets: readonly string[];
  readonly refusals: readonly (readonly [code: RefusalCode, kind: 'configuration' | 'transient'])[];
}

const clientSecret = secret('client-secret');
const password = secret('password');
const signal = new AbortController().signal;

function request(parts: Partial<ProtocolRequest<'oauth'>> = {}): ProtocolRequest<'oauth'> {
  return buildTokenRequest({ client_id: 'app', client_secret: clientSecret, username: 'ada', password }, parts);
}

const OAUTH: Dialect = {
  request: () => request({ grant: 'password' }),
  secrets: [clientSecret, password],
  refusals: [
    ['invalid_client', 'configuration'],
    ['invalid_grant', 'configuration'],
    ['server_error', 'transient'],
  ],
};

/** What every TokenEndpoint of OAuth keeps to, the fake one included. */
export function describeOAuthEndpoint(name: string, make: () => Promise<TokenEndpointHarness>): void {
  describeTokenEndpoint(name, make, OAUTH);
  describe(`${name} as a TokenEndpoint of OAuth`, () => {
    let harness: TokenEndpointHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.stop());

    it.each(['client_credentials', 'password'] as const)('gives a bearer token for the grant %s', async (grant) => {
      const response = await harness.endpoint.request(request({ grant }), signal);
      expect(response.accessToken).toBeInstanceOf(Redacted);
      expect(response.accessToken.reveal()).not.toBe('');
      expect(response).toMatchObject({ tokenType: 'Bearer', scope: undefined, expiresIn: 60, refreshToken: undefined });
      expect(harness.arrived()).toBe(1);
    });

    it('hands over the refresh token of the answer', async () => {
      const refreshToken = secret('refresh-token');
      harness.issueNext(refreshToken);
      const spent = new Redacted(secret('spent-refresh-token'));
      const response = await harness.endpoint.request(request({ grant: 'refresh_token', refreshToken: spent }), signal);
      expect(response.refreshToken?.reveal()).toBe(refreshToken);
    });

    it('gives an answer that does not print', async () => {
      const refreshToken = secret('refresh-token');
      harness.issueNext(refreshToken);
      const response = await harness.endpoint.request(request(), signal);
      const printed = inspect(response, { depth: 10, showHidden: true }) + JSON.stringify(response);
      expect(printed).not.toContain(response.accessToken.reveal());
      expect(printed).not.toContain(refreshToken);
    });
  });
}

/** What every TokenEndpoint keeps to, whatever its protocol. */
export function describeTokenEndpoint(
  name: string,
  make: () => Promise<TokenEndpointHarness>,
  { request: made, secrets, refusals }: Dialect,
): void {
  describe(`${name} as a TokenEndpoint`, () => {
    let harness: TokenEndpointHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.stop());

    it('gives a bearer token', async () => {
      const response = await harness.endpoint.request(made(), signal);
      expect(response.accessToken).toBeInstanceOf(Redacted);
      expect(response).toMatchObject({ tokenType: 'Bearer', expiresIn: 60, refreshToken: undefined });
      const printed = inspect(response, { depth: 10, showHidden: true }) + JSON.stringify(response);
      expect(printed).not.toContain(response.accessToken.reveal());
      expect(harness.arrived()).toBe(1);
    });

    it('gives a token of its own for each request', async () => {
      const responses = await Promise.all([1, 2, 3].map(() => harness.endpoint.request(made(), signal)));
      expect(new Set(responses.map(({ accessToken }) => accessToken.reveal())).size).toBe(3);
      expect(harness.arrived()).toBe(3);
    });

    it.each(refusals)('ends in %s, a %s failure, where the server says so, and repeats nothing', async (code, kind) => {
      harness.refuseNext(code);
      const error = await refusedRequest(harness.endpoint, made());
      expect(error).toMatchObject({ code, progress: 'answered', failure: kind });
      expect(error.message).toMatch(/^[A-Z].*[.]$/);
      const printed = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
      for (const value of secrets) expect(printed).not.toContain(value);
      expect(harness.arrived()).toBe(1);
    });

    it('looks for obstacles without sending anything', () => {
      expect(harness.endpoint.obstacle('corporate')).toBeUndefined();
      expect(harness.endpoint.obstacle('corporate', made().credential)).toBeUndefined();
      expect(harness.endpoint.obstacle('unknown')).toBeUndefined();
      expect(harness.arrived()).toBe(0);
    });

    it('reaches a running server without a token request', async () => {
      expect(await harness.endpoint.reach('corporate', signal)).toBeUndefined();
      expect(await harness.endpoint.reach('unknown', signal)).toBeUndefined();
      expect(harness.arrived()).toBe(0);
    });

    it('says why a server cannot be reached', async () => {
      await harness.disconnect();
      expect(await harness.endpoint.reach('corporate', signal)).toContain('corporate');
    });

    it('revokes nothing, and says so, where it is cancelled before', async () => {
      const { accessToken } = await harness.endpoint.request(made(), signal);
      const cancelled = harness.endpoint.revoke(made(), accessToken, AbortSignal.abort());
      const result = await cancelled.catch((error: unknown) =>
        error instanceof TokenRequestError ? error.code : error,
      );
      expect([false, 'unreachable']).toContain(result);
      expect(harness.arrived()).toBe(1);
    });

    it('works again after a rejection', async () => {
      harness.refuseNext('server_error');
      await refusedRequest(harness.endpoint, made());
      expect((await harness.endpoint.request(made(), signal)).tokenType).toBe('Bearer');
    });

    it('reports that nothing was sent where no server listens', async () => {
      await harness.disconnect();
      const code: TokenErrorCode = 'unreachable';
      expect(await refusedRequest(harness.endpoint, made())).toMatchObject({ code, progress: 'not-sent' });
    });

    it('sends nothing once it is cancelled', async () => {
      const error = await refusedRequest(harness.endpoint, made(), AbortSignal.abort());
      expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
      expect(harness.arrived()).toBe(0);
    });

    it('ends when it is cancelled, and reports that the request may have been seen', async () => {
      harness.hold();
      const cancel = new AbortController();
      const ended = refusedRequest(harness.endpoint, made(), cancel.signal);
      await expect.poll(() => harness.arrived(), { timeout: 10_000, interval: 5 }).toBe(1);
      cancel.abort();
      expect(await ended).toMatchObject({ code: 'unreachable', progress: 'unknown' });
      harness.release();
    });

    it('lets requests wait side by side, and none for the other', async () => {
      harness.hold();
      const cancel = new AbortController();
      const cancelled = refusedRequest(harness.endpoint, made(), cancel.signal);
      const other = harness.endpoint.request(made(), signal);
      await expect.poll(() => harness.arrived(), { timeout: 10_000, interval: 5 }).toBe(2);
      cancel.abort();
      await cancelled;
      harness.release();
      expect((await other).tokenType).toBe('Bearer');
    });
  });
}
