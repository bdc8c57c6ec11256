import { healthyInstallation, SERVER } from '../../support/healthy-installation.ts';
import { failing, inCluster, type Plant, reaching, withCredential } from './plant.ts';

const CONFIGURATION: readonly Plant[] = [
  {
    what: 'a configuration with an error',
    seen: healthyInstallation({ configuration: { place: 'config.yaml', fault: 'tokens[0].secret is missing.' } }),
    check: 'configuration',
    says: /config\.yaml: tokens\[0\]\.secret is missing/,
    fix: /token-acquirer validate/,
  },
  {
    what: 'a credentials folder without a key',
    seen: healthyInstallation({ credentialFaults: ['billing/t/x: the credential dynamics has no file client_id.'] }),
    check: 'credential-folder',
    says: /no file client_id/,
    fix: /credentials set/,
    when: 'before',
  },
];

const SERVERS: readonly Plant[] = [
  {
    what: 'a server whose name is unknown',
    seen: failing('name', 'The request to login.example.com could not be sent: no connection (ENOTFOUND).'),
    check: 'server-name',
    says: /authorization server corporate: .*ENOTFOUND/,
    fix: /nslookup login\.example\.com/,
  },
  {
    what: 'a server that rejects connections',
    seen: failing('connection', 'The request could not be sent: no connection (ECONNREFUSED).'),
    check: 'server-connection',
    says: /ECONNREFUSED/,
    fix: /nc -vz login\.example\.com 443/,
  },
  {
    what: 'a server whose certificate has expired',
    seen: failing('certificate', 'The certificate of login.example.com expired at 2025-12-31T00:00:00Z.'),
    check: 'server-certificate',
    says: /expired at/,
    fix: /certificateAuthorities\.corporate/,
  },
  {
    what: 'a server without https',
    seen: failing('address', 'No request is sent to login.example.com: plain http is for loopback only; use https.'),
    check: 'server-address',
    says: /plain http/,
    fix: /https URL into authorizationServers\.corporate/,
  },
  {
    what: 'a server with the metadata of another issuer',
    seen: failing('answer', 'It publishes the metadata of another issuer.'),
    check: 'server-answer',
    says: /another issuer/,
    fix: /Correct issuer/,
  },
  {
    what: 'a server that redirects',
    seen: reaching({ kind: 'answered', skew: 0, redirect: 'https://new.example.com/' }),
    check: 'server-redirect',
    says: /redirects to https:\/\/new\.example\.com/,
    fix: /final URL/,
  },
  {
    what: 'a clock that is 5 min ahead',
    seen: reaching({ kind: 'answered', skew: 300_000 }),
    check: 'server-clock',
    says: /5m ahead of that of the server/,
    fix: /NTP/,
  },
  {
    what: 'a clock that is 31 s behind',
    seen: reaching({ kind: 'answered', skew: -31_000 }),
    check: 'server-clock',
    says: /31s behind/,
    fix: /NTP/,
    when: 'before',
  },
  {
    what: 'a server that is a Service which does not exist',
    seen: reaching({ kind: 'inside', service: { namespace: 'auth', name: 'keycloak' }, found: 'missing' }),
    check: 'server-service',
    says: /Service auth\/keycloak, which does not exist/,
    fix: /kubectl -n auth get services/,
  },
  {
    what: 'a CA that nobody made',
    seen: healthyInstallation({
      servers: [{ ...SERVER, reach: { kind: 'unknown' }, authority: { place: 'the key ca.crt', found: 'missing' } }],
    }),
    check: 'server-ca',
    says: /the key ca\.crt, does not exist/,
    fix: /certificateAuthorities\.corporate/,
  },
];

const CREDENTIALS: readonly Plant[] = [
  {
    what: 'a credential that is not mounted',
    seen: withCredential({ isMounted: false, keys: 'unreadable' }),
    check: 'credential-mount',
    says: /credential dynamics: No token-acquirer has it/,
    fix: /helm upgrade/,
  },
  {
    what: 'a credential without a Secret',
    seen: withCredential({ keys: 'missing' }),
    check: 'credential-secret',
    says: /Secret token-acquirer\/dynamics-credentials: It does not exist/,
    fix: /^token-acquirer credentials set dynamics --namespace token-acquirer$/,
  },
  {
    what: 'a credential without a Secret before the installation',
    seen: inCluster({
      acquirers: 'missing',
      credentials: { dynamics: { isMounted: true, secret: 'dynamics-credentials', keys: 'missing', keyIn: {} } },
    }),
    check: 'credential-secret',
    says: /It does not exist/,
    fix: /unless values of the chart \(credentials, credentialsSecret\) name another Secret$/,
    when: 'before',
    severity: 'warning',
  },
  {
    what: 'a credential without its secret key',
    seen: withCredential({ keys: ['client_id'] }),
    check: 'credential-keys',
    says: /It has no client_secret, which the credential dynamics needs/,
    fix: /--key client_secret .*credentials check dynamics$/,
  },
  {
    what: 'a credential whose Secret lacks a key of another name',
    seen: withCredential({ keys: ['client_id'], keyIn: { client_id: 'appId', client_secret: 'password' } }),
    check: 'credential-keys',
    says: /It has no password, which/,
    fix: /--key client_secret/,
    when: 'before',
  },
];

export const OUTSIDE_PLANTS: readonly Plant[] = [...CONFIGURATION, ...SERVERS, ...CREDENTIALS];
