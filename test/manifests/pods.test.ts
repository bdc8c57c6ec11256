import { describe, expect, it } from 'vitest';
import { type Container, exampleObjects, objectsIn, type PodSpec } from '../support/manifests.ts';

interface Pod {
  readonly name: string;
  readonly spec: PodSpec;
  readonly container: Container;
}

function podsIn(where: string, objects: ReturnType<typeof exampleObjects>): Pod[] {
  return objects.flatMap(({ kind, metadata, spec }) => {
    const pod = spec?.template?.spec;
    const [container] = pod?.containers ?? [];
    if (pod === undefined || container === undefined) return [];
    return [{ name: `${kind} ${metadata.name} ${where}`, spec: pod, container }];
  });
}

const acquirer = podsIn('of users', objectsIn('manifests/token-acquirer.yaml'));
const client = podsIn('of users', objectsIn('manifests/client-app.yaml'));
const example = podsIn('of the example', exampleObjects());
const pods = [...acquirer, ...client, ...example];

function only(found: readonly Pod[]): Pod {
  const [pod] = found;
  if (pod === undefined || found.length > 1) throw new Error('One pod was expected.');
  return pod;
}

const byName = (all: readonly Pod[]) => all.map((pod) => [pod.name, pod] as const);

describe('the pod of every', () => {
  it('Deployment and Job is looked at here', () => {
    expect(pods).toHaveLength(8);
  });

  // https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
  it.each(byName(pods))('%s keeps to the restricted profile', (_, { spec, container }) => {
    expect(spec.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 65_532,
      runAsGroup: 65_532,
      fsGroup: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'initContainers', 'shareProcessNamespace']) {
      expect(spec[field]).toBeUndefined();
    }
    for (const volume of spec.volumes ?? []) {
      const [source] = Object.keys(volume).filter((key) => key !== 'name');
      expect(['secret', 'configMap', 'projected']).toContain(source);
    }
  });

  it.each(byName(pods))('%s has its memory limited, and asks for some', (_, { container }) => {
    expect(container.resources).toMatchObject({
      requests: { cpu: expect.any(String), memory: expect.any(String) },
      limits: { memory: expect.any(String) },
    });
    expect(container.resources?.['limits']).not.toHaveProperty('cpu');
  });

  it.each(byName(pods))('%s mounts every volume that it has, read-only and whole', (_, { spec, container }) => {
    const mounts = container.volumeMounts ?? [];
    expect(mounts.map(({ name }) => name).toSorted()).toEqual((spec.volumes ?? []).map(({ name }) => name).toSorted());
    for (const mount of mounts) {
      expect(mount.readOnly).toBe(true);
      expect(mount).not.toHaveProperty('subPath');
    }
  });

  it.each(byName(pods))('%s has no secret in its environment', (_, { container }) => {
    expect(container).not.toHaveProperty('envFrom');
    for (const variable of container.env ?? []) {
      const { valueFrom } = variable as { valueFrom?: object };
      // What the pod is called and where it is are no secrets.
      if (valueFrom === undefined) expect(Object.keys(variable)).toEqual(['name', 'value']);
      else expect(Object.keys(valueFrom)).toEqual(['fieldRef']);
    }
  });
});

describe('the pod that may ask the API server', () => {
  it('is that of the token-acquirer, or of the set-up of the example', () => {
    for (const { spec } of pods) expect(spec.automountServiceAccountToken).toBe(false);
    const asking = pods.filter(({ spec }) => spec.volumes?.some(({ name }) => name === 'api-access'));
    expect(asking.map(({ name }) => name)).toEqual([
      'Deployment token-acquirer of users',
      'Job example-setup of the example',
      'Deployment token-acquirer of the example',
    ]);
    for (const { spec } of asking) {
      const volume = spec.volumes?.find(({ name }) => name === 'api-access');
      expect(JSON.stringify(volume)).toContain('{"serviceAccountToken":{"expirationSeconds":600,"path":"token"}}');
    }
  });
});

describe('the pod of the token-acquirer', () => {
  const { spec, container } = only(acquirer);

  it('has two replicas, and is replaced without a moment in which none answers', () => {
    const deployment = objectsIn('manifests/token-acquirer.yaml').find(({ kind }) => kind === 'Deployment');
    expect(deployment?.spec).toMatchObject({
      replicas: 2,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } },
    });
  });

  it('runs with tokens in Secrets: neither a token directory nor a state directory is named', () => {
    expect(container.args).toEqual([
      'run',
      '--config=/etc/token-acquirer/config/config.yaml',
      '--credentials=/etc/token-acquirer/credentials',
      '--listen=:8443',
      '--status-listen=:9090',
      '--probe-listen=:9091',
      '--replica-token=/var/run/secrets/token-acquirer/replica/token',
      '--log-level=info',
    ]);
  });

  it('is reached by its Service under the port that clients call', () => {
    const service = objectsIn('manifests/token-acquirer.yaml').find(({ kind }) => kind === 'Service');
    expect(service?.spec?.['ports']).toEqual([{ name: 'https', port: 8443, targetPort: 'https' }]);
    expect(container.ports).toContainEqual({ name: 'https', containerPort: 8443 });
    const [variable] = only(client).container.env?.filter(({ name }) => name === 'REISSUE_URL') ?? [];
    expect(variable?.value).toBe('https://token-acquirer.token-acquirer.svc:8443');
  });

  it('is probed on its own port', () => {
    expect(container).toMatchObject({
      startupProbe: { httpGet: { path: '/livez', port: 'probes' } },
      livenessProbe: { httpGet: { path: '/livez', port: 'probes' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'probes' } },
    });
    expect(container.ports).toContainEqual({ name: 'status', containerPort: 9090 });
    expect(container.ports).toContainEqual({ name: 'probes', containerPort: 9091 });
  });

  it('has longer to stop than it takes for what is in flight', () => {
    expect(spec['terminationGracePeriodSeconds']).toBeGreaterThan(8);
  });

  it('has its credential from a Secret, and an interval where there is one, and waits for neither', () => {
    const volume = spec.volumes?.find(({ name }) => name === 'credential-dynamics');
    expect(volume?.projected?.sources).toEqual([
      { secret: { name: 'dynamics-credentials', optional: true } },
      { secret: { name: 'dynamics-interval', optional: true, items: [{ key: 'interval', path: 'interval' }] } },
    ]);
  });
});

describe('the pod of the client app', () => {
  const { spec, container } = only(client);

  it('waits for its first token: each key is listed', () => {
    const volume = spec.volumes?.find(({ name }) => name === 'tokens');
    expect(volume?.secret).toMatchObject({
      secretName: 'billing-tokens',
      items: ['dynamics', 'dynamics.json', 'ca.crt'].map((key) => ({ key, path: key })),
    });
  });

  it('has a token for the token-acquirer, and none for the API server', () => {
    const volume = spec.volumes?.find(({ name }) => name === 'caller-token');
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(volume?.projected?.sources).toEqual([
      { serviceAccountToken: { audience: 'token-acquirer.token-acquirer', expirationSeconds: 3600, path: 'token' } },
    ]);
  });

  it('knows the addresses of both', () => {
    const mounts = new Map(container.volumeMounts?.map(({ name, mountPath }) => [name, mountPath]));
    const env = Object.fromEntries(container.env?.map(({ name, value }) => [name, value]) ?? []);
    expect(env).toMatchObject({
      TOKEN_DIRECTORY: mounts.get('tokens'),
      CA_FILE: `${mounts.get('tokens')}/ca.crt`,
      CALLER_TOKEN_FILE: `${mounts.get('caller-token')}/token`,
      TOKEN_NAME: 'dynamics',
      REISSUE_NAMESPACE: 'billing',
      REISSUE_SECRET: 'billing-tokens',
    });
  });
});
