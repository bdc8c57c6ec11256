import type { ApiServer } from './api-server.ts';
import { ApiException, HttpMethod } from './client-library.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** `/api/v1/namespaces/billing/secrets`; names in it are checked already. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly accept?: string;
  readonly contentType?: string;
  /** JSON. */
  readonly body?: string;
}

/** One request, for which the API classes of client-node would be much code. Throws what `statusIn` understands. */
export async function requestApi({ configuration }: ApiServer, request: ApiRequest): Promise<string> {
  const context = configuration.baseServer.makeRequestContext(request.path, HttpMethod[request.method]);
  for (const [name, value] of Object.entries(request.query ?? {})) context.setQueryParam(name, value);
  if (request.accept !== undefined) context.setHeaderParam('Accept', request.accept);
  if (request.contentType !== undefined) context.setHeaderParam('Content-Type', request.contentType);
  if (request.body !== undefined) context.setBody(request.body);
  const { httpStatusCode, body } = await configuration.httpApi.send(context).toPromise();
  const text = await body.text();
  if (httpStatusCode >= 200 && httpStatusCode < 300) return text;
  throw new ApiException(httpStatusCode, '', text, {});
}
