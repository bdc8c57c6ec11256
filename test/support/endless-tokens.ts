import type { Ms } from '../../src/core/token.ts';
import type { TokenResponse } from '../../src/ports/token-endpoint.ts';
import { FakeTokenEndpoint } from '../fakes/fake-token-endpoint.ts';

/** Starts an authorization server whose tokens have this lifetime. */
export function tokensFor(lifetime: Ms): FakeTokenEndpoint {
  const endpoint = new FakeTokenEndpoint();
  const request = endpoint.request.bind(endpoint);
  endpoint.request = async (...given): Promise<TokenResponse> => ({
    ...(await request(...given)),
    expiresIn: lifetime / 1000,
  });
  return endpoint;
}
