import type { EpochMs } from '../../core/token.ts';
import { drawSecret } from '../cast.ts';
import type { RegisteredClient } from '../provider-configuration.ts';
import { createCertificates } from './certificates.ts';
import type { ClusterApi } from './cluster-api.ts';

/** The Secrets and ConfigMaps that the example's manifests name and leave empty. */
const SERVICES = '/api/v1/namespaces/example-services';
const ACQUIRER = '/api/v1/namespaces/token-acquirer';
const AUTHORIZATION_SERVER = `${SERVICES}/secrets/authorization-server`;
const GATEWAY = `${SERVICES}/secrets/gateway`;
const CREDENTIAL = `${ACQUIRER}/secrets/dynamics-credentials`;
const TRUSTING = [SERVICES, ACQUIRER, '/api/v1/namespaces/billing'].map((path) => `${path}/configmaps/example-ca`);

const NAMES = ['authorization-server', 'gateway'].map((service) => `${service}.example-services.svc`);
const CLIENT = 'billing-app';

/**
 * Draws the secrets of the example and writes them where their holders mount them, so that no manifest holds a secret or
 * a private key: certificates, the credential of the token-acquirer and that of the gateway. Resolves with false
 * if that was done before: then everything stays, because the parts belong together.
 */
export async function prepareExample(api: ClusterApi, now: EpochMs): Promise<boolean> {
  const { data } = (await api.get(AUTHORIZATION_SERVER)) as { data?: object };
  if (Object.keys(data ?? {}).length > 0) return false;
  const { ca, servers } = await createCertificates(NAMES, now);
  const [authorizationServer, gateway] = NAMES.map((name) => servers.get(name));
  const [clientSecret, gatewaySecret] = [drawSecret(), drawSecret()];
  for (const path of TRUSTING) await api.patch(path, { data: { 'ca.crt': ca } });
  await api.patch(CREDENTIAL, { stringData: { client_id: CLIENT, client_secret: clientSecret } });
  await api.patch(GATEWAY, {
    stringData: { ...tlsKeys(gateway), client_id: 'gateway', client_secret: gatewaySecret },
  });
  const clients: RegisteredClient[] = [
    { clientId: CLIENT, clientSecret, grants: ['client_credentials'] },
    { clientId: 'gateway', clientSecret: gatewaySecret, grants: [] },
  ];
  // Last: it shows that everything exists.
  await api.patch(AUTHORIZATION_SERVER, {
    stringData: { ...tlsKeys(authorizationServer), 'clients.json': JSON.stringify(clients) },
  });
  return true;
}

function tlsKeys(pair: { readonly cert: string; readonly key: string } | undefined): Record<string, string> {
  return pair === undefined ? {} : { 'tls.crt': pair.cert, 'tls.key': pair.key };
}
