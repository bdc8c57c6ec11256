import type { V1ConfigMap, V1Pod, V1Secret } from '@kubernetes/client-node';
import { StoreError } from '../../../core/errors.ts';
import { Redacted } from '../../../core/redacted.ts';
import { type ApiRequest, requestApi } from '../api/api-request.ts';
import type { ApiServer } from '../api/api-server.ts';
import { configurationSource } from './configuration-source.ts';
import { readFailure } from './read-failure.ts';

/** What a pod of a token-acquirer has. */
export interface ReissuePod {
  /** Of the reissue endpoint. */
  readonly port: number;
  /** The text of its configuration. */
  readonly configuration: string;
}

const REISSUE_PORT = 8443;
/** The shortest that the API server gives, in seconds. */
const SHORTEST_LIFE = 600;

/** Reads the port of the reissue endpoint and the configuration of a pod. Throws StoreError. */
export async function readReissuePod(api: ApiServer, namespace: string, name: string): Promise<ReissuePod> {
  const pod = `The pod ${namespace}/${name}`;
  const { spec } = await read<V1Pod>(api, `${pod} cannot be read`, {
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/pods/${name}`,
  });
  const source = spec === undefined ? undefined : configurationSource(spec);
  if (source === undefined)
    throw new StoreError(`${pod} has its configuration from no ConfigMap. ${BY_HAND}`, PERMANENT);
  const { configMap, key } = source;
  const { data } = await read<V1ConfigMap>(api, `The ConfigMap ${namespace}/${configMap} cannot be read`, {
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/configmaps/${configMap}`,
  });
  const configuration = data?.[key];
  if (configuration === undefined) {
    throw new StoreError(`The ConfigMap ${namespace}/${configMap} has no key ${key}. ${BY_HAND}`, PERMANENT);
  }
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const port = ports.find((candidate) => candidate.name === 'https')?.containerPort ?? REISSUE_PORT;
  return { port, configuration };
}

const PERMANENT = { permanent: true };
const BY_HAND = 'Use token-acquirer reissue, as docs/operate/status-and-cli.md shows.';

/** Makes a token of a ServiceAccount for this audience. Throws StoreError, permanent where the user may not. */
export async function createCallerToken(
  api: ApiServer,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  audience: string,
): Promise<Redacted> {
  const what = `No token of the ServiceAccount ${namespace}/${name}, a client of the token, can be made`;
  const request = { audiences: [audience], expirationSeconds: SHORTEST_LIFE };
  const { status } = await read<{ status?: { token?: string } }>(api, what, {
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    contentType: 'application/json',
    body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: request }),
  });
  if (status?.token === undefined) throw new StoreError(`${what}: the API server gave none. Try again.`);
  return new Redacted(status.token);
}

/** Reads the CA that clients check the endpoint with. Keeps nothing else of the Secret. Throws StoreError. */
export async function readCertificates(api: ApiServer, namespace: string, secret: string): Promise<string> {
  const { data } = await read<V1Secret>(api, `The CA in the Secret ${namespace}/${secret} cannot be read`, {
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/secrets/${secret}`,
  });
  const encoded = data?.['ca.crt'];
  if (encoded === undefined)
    throw new StoreError(`The Secret ${namespace}/${secret} has no ca.crt. ${BY_HAND}`, PERMANENT);
  return Buffer.from(encoded, 'base64').toString('utf8');
}

async function read<Answer>(api: ApiServer, what: string, request: ApiRequest): Promise<Answer> {
  try {
    return JSON.parse(await requestApi(api, request)) as Answer;
  } catch (error) {
    throw readFailure(what, error, api.baseUrl);
  }
}
