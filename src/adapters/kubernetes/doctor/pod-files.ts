import type { V1Container, V1Pod, V1Volume } from '@kubernetes/client-node';

/** A running container, and where it has files of a token Secret. */
export interface ContainerFiles {
  readonly container: string;
  /** The path of a key of the Secret; `undefined` where it is not mounted as a file that the kubelet updates. */
  fileOf(key: string): string | undefined;
  /** The path of a ServiceAccount token with the audience of the reissue endpoint. */
  readonly callerToken: string | undefined;
}

/** Returns the containers of a pod that run and mount the Secret, also those that Kubernetes calls sidecars. */
export function filesIn(pod: V1Pod, secret: string, audience: string): readonly ContainerFiles[] {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const statuses = [...initContainerStatuses, ...containerStatuses];
  const running = new Set(statuses.filter(({ state }) => state?.running !== undefined).map(({ name }) => name));
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...(pod.spec?.containers ?? [])]
    .filter((container) => running.has(container.name))
    .map((container) => {
      const files = mountedFiles(pod, container);
      const keys = files.filter((file) => file.secret === secret);
      const caller = files.find((file) => file.audience === audience);
      return {
        hasSecret: keys.length > 0,
        container: container.name,
        fileOf: (key: string) => keys.map((file) => file.pathOf(key)).find((path) => path !== undefined),
        callerToken: caller?.pathOf('token'),
      };
    })
    .filter(({ hasSecret }) => hasSecret);
}

interface Source {
  readonly secret?: string | undefined;
  readonly audience?: string | undefined;
  pathOf(key: string): string | undefined;
}

/** Without those by subPath, which never change. */
function mountedFiles({ spec }: V1Pod, { volumeMounts = [] }: V1Container): readonly Source[] {
  return volumeMounts
    .filter(({ subPath = '', subPathExpr = '' }) => subPath === '' && subPathExpr === '')
    .flatMap(({ name, mountPath }) => {
      const volume = spec?.volumes?.find((one) => one.name === name);
      const folder = mountPath.replace(/\/+$/, '');
      return volume === undefined ? [] : sourcesOf(volume, folder);
    });
}

function sourcesOf({ secret, projected }: V1Volume, folder: string): readonly Source[] {
  const own = secret === undefined ? [] : [{ name: secret.secretName, items: secret.items }];
  const sources = projected?.sources ?? [];
  const secrets = [...own, ...sources.flatMap((source) => (source.secret === undefined ? [] : [source.secret]))];
  const tokens = sources.flatMap(({ serviceAccountToken }) => serviceAccountToken ?? []);
  return [
    ...secrets.map(({ name, items }) => ({
      secret: name,
      pathOf: (key: string): string | undefined => {
        const path = items === undefined ? key : items.find((item) => item.key === key)?.path;
        return path === undefined ? undefined : `${folder}/${path}`;
      },
    })),
    ...tokens.map(({ audience, path }) => ({ audience, pathOf: () => `${folder}/${path}` })),
  ];
}
