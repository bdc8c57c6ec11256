import { RELEASE } from '../../charts/chart.ts';
import { secret } from '../../support/secrets.ts';
import { podOf } from '../bad-input/objects.ts';
import { type Mistake, type Surroundings, secretOf } from './mistake.ts';

const stopped = { clientApp: 'is stopped' } as const;
const running = { clientApp: 'runs' } as const;
const issuedBy = (issuer: (place: Surroundings) => string): Pick<Mistake, 'server'> => ({
  server: (place) => ({ issuer: issuer(place) }),
});

/** What is wrong with the credential or the CA is found without a token request, so also while the client app is stopped. */
const UNREADABLE: readonly Mistake[] = [
  {
    ...stopped,
    id: 'no-credential',
    sentence: 'a credential whose Secret is missing',
    credential: 'none',
    says: ['no-credential-credentials'],
  },
  {
    ...stopped,
    id: 'no-client-secret',
    sentence: 'a credential without client_secret',
    credential: ({ client_id: id = '' }) => ({ client_id: id }),
    says: ['no-client-secret-credentials', 'client_secret'],
  },
  {
    ...stopped,
    id: 'empty-credential',
    sentence: 'a credential with an empty client_secret',
    credential: (right) => ({ ...right, client_secret: '' }),
    says: ['empty-credential-credentials', 'client_secret'],
  },
  {
    ...stopped,
    id: 'key-of-words',
    sentence: 'a private_key that is no key',
    server: ({ issuer }) => ({ issuer, clientAuthentication: 'private_key_jwt' }),
    credential: ({ client_id: id = '' }) => ({ client_id: id, private_key: 'There is no key here.' }),
    says: ['The private_key of the credential key-of-words cannot be used'],
  },
  {
    ...stopped,
    id: 'no-ca',
    sentence: 'a CA whose ConfigMap is missing',
    server: ({ issuer }) => ({ issuer }),
    authority: { configMap: 'there-is-none' },
    says: ['there-is-none'],
  },
  {
    ...stopped,
    id: 'no-ca-key',
    sentence: 'a CA whose ConfigMap lacks the key',
    server: ({ issuer }) => ({ issuer }),
    authority: { configMap: 'example-ca', key: 'corporate.pem' },
    says: ['example-ca', 'corporate.pem'],
  },
  {
    ...stopped,
    id: 'ca-of-words',
    sentence: 'a CA file that is no certificate',
    server: ({ issuer }) => ({ issuer }),
    authority: { configMap: 'words' },
    says: ['words'],
  },
];

/** What a server's metadata show, which needs no credential. */
const UNREACHABLE: readonly Mistake[] = [
  {
    ...stopped,
    id: 'other-ca',
    sentence: 'a CA that did not issue the certificate of the server',
    server: ({ issuer }) => ({ issuer }),
    authority: { configMap: 'other-ca' },
    says: [/CA/, /authorization-server/],
  },
  {
    ...stopped,
    id: 'unknown-host',
    sentence: 'an authorization server whose name is unknown',
    ...issuedBy(({ services }) => `https://authorisation-server.${services}.svc`),
    says: ['authorisation-server', 'ENOTFOUND'],
  },
  {
    ...stopped,
    id: 'closed-port',
    sentence: 'an authorization server at a port that is closed',
    ...issuedBy(({ services }) => `https://authorization-server.${services}.svc:8`),
    says: [/:8\b/],
  },
  {
    ...stopped,
    id: 'no-realm',
    sentence: 'an issuer that publishes no metadata',
    ...issuedBy(({ issuer }) => `${issuer}/realms/none`),
    says: ['authorization server no-realm', 'publishes no usable metadata'],
  },
];

/** What the authorization server answers to a token request. */
const REJECTED: readonly Mistake[] = [
  {
    ...running,
    id: 'wrong-secret',
    sentence: 'a wrong client_secret',
    credential: (right) => ({ ...right, client_secret: secret('wrong') }),
    says: ['invalid_client'],
  },
  {
    ...running,
    id: 'wrong-client',
    sentence: 'a client_id that the server does not know',
    credential: (right) => ({ ...right, client_id: 'nobody' }),
    says: ['invalid_client'],
  },
  {
    ...running,
    id: 'wrong-grant',
    sentence: 'a grant that the client may not use',
    token: { grant: 'password' },
    credential: (right) => ({ ...right, username: 'anna', password: secret('password') }),
    says: ['invalid_request'],
  },
];

/** What is wrong in the cluster. */
const CLUSTER: readonly Mistake[] = [
  {
    ...stopped,
    id: 'typo',
    apart: true,
    sentence: 'a selector that matches no pod, while a pod mounts the Secret',
    spoil: (place, mistake) => place.apply(podIn(place, mistake, 'volume', { app: 'tpyo' })),
    says: ['SelectorMatches=False', 'app=typo', 'app=tpyo'],
  },
  {
    ...stopped,
    id: 'sub-path',
    apart: true,
    sentence: 'a pod whose mount never follows',
    spoil: (place, mistake) => place.apply(podIn(place, mistake, 'subPath')),
    says: ['PodsFollow=False', 'subPath'],
  },
  {
    ...running,
    id: 'deleted',
    sentence: 'a token Secret that was deleted',
    spoil: (place, mistake) => place.inHome(mistake, 'delete', 'secret', secretOf(mistake), '--ignore-not-found'),
    says: ['There is no Secret deleted-tokens', 'kubectl create secret generic deleted-tokens'],
  },
  {
    ...stopped,
    id: 'deleted-idle',
    sentence: 'a token Secret that was deleted while the client app was stopped',
    before: (place, mistake) => place.inHome(mistake, 'delete', 'secret', secretOf(mistake)),
    says: ['There is no Secret deleted-idle-tokens'],
  },
  {
    ...running,
    id: 'immutable',
    sentence: 'a token Secret that cannot change',
    spoil: (place, mistake) =>
      place.inHome(
        mistake,
        'patch',
        'secret',
        secretOf(mistake),
        '--type=merge',
        '--patch={"immutable":true,"data":null}',
      ),
    says: ['immutable'],
  },
  {
    ...running,
    id: 'slow-reader',
    sentence: 'a renewal so late that a mounted file follows after the expiry',
    token: { renewal: { interval: '9m30s' } },
    says: ['VolumeFollowsInTime=False'],
  },
  {
    ...stopped,
    id: 'idle-interval',
    sentence: 'an interval that is no duration',
    credential: (right) => ({ ...right, interval: 'ten minutes' }),
    says: ['IntervalValid=False', 'token-acquirer interval set idle-interval 10m'],
  },
];

/** What takes the token-acquirer's permissions away. */
const FORBIDDEN: readonly Mistake[] = [
  {
    ...running,
    id: 'no-role',
    apart: true,
    sentence: 'a RoleBinding that was deleted',
    spoil: (place, mistake) => place.inHome(mistake, 'delete', 'rolebinding', '--all'),
    says: ['may not get secrets no-role-tokens', 'Role'],
  },
  {
    ...stopped,
    id: 'no-pods',
    apart: true,
    sentence: 'a Role that does not let it list pods',
    before: (place, mistake) =>
      place.inHome(
        mistake,
        'patch',
        'role',
        `${RELEASE.name}.${place.acquirer}`,
        '--type=json',
        '--patch=[{"op":"remove","path":"/rules/1"}]',
      ),
    says: ['ExecutionStateKnown=False', 'pods'],
  },
  {
    ...running,
    id: 'no-namespace',
    apart: true,
    sentence: 'a namespace that was deleted',
    spoil: (place, mistake) =>
      place.kubectl('delete', 'namespace', place.home(mistake), '--wait=false', '--ignore-not-found'),
    says: ['missing or being deleted'],
  },
];

export const MISTAKES: readonly Mistake[] = [...UNREADABLE, ...UNREACHABLE, ...REJECTED, ...CLUSTER, ...FORBIDDEN];

function podIn(
  place: Surroundings,
  mistake: Mistake,
  consumption: 'volume' | 'subPath',
  labels: Record<string, string> = { app: mistake.id },
): object {
  const pod = podOf({ namespace: place.home(mistake), secret: secretOf(mistake) }, consumption);
  if (pod.metadata !== undefined) pod.metadata.labels = labels;
  return pod;
}
