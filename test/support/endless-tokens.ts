import type { Ms } from '../../src/core/token.ts';
import type { TokenResponse } from '../../src/ports/token-endpoint.ts';
import { FakeTokenEndpoint } from '../fakes/fake-token-endpoint.ts';

/** An authorization server whose every token lives so long. */
export function tokensFor(lifetime: Ms): FakeTokenEndpoint {
  const endpoint = new FakeTokenEndpoint();
  const request = endpoint.request.bind(endpoint);
  endpoint.request = async (...given): Promise<TokenResponse> => ({
    ...(await request(...given)),
    expiresIn: lifetime / 1000,
  });
  return endpoint;
}
