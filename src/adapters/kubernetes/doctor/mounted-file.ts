import type { V1Deployment, V1Volume } from '@kubernetes/client-node';

/** The object that a file in the container of a token-acquirer is a copy of. */
export interface FileSource {
  readonly kind: 'configmaps' | 'secrets';
  readonly name: string;
  readonly key: string;
}

/** Returns where a file of the pods of a Deployment comes from; `undefined` where no ConfigMap or Secret has it. */
export function fileSource({ spec }: V1Deployment, path: string): FileSource | undefined {
  const { containers = [], volumes = [] } = spec?.template.spec ?? {};
  const mounts = containers
    .flatMap(({ volumeMounts = [] }) => volumeMounts)
    .filter(({ mountPath }) => path.startsWith(`${mountPath.replace(/\/+$/, '')}/`))
    .toSorted((one, other) => other.mountPath.length - one.mountPath.length);
  const [mount] = mounts;
  const volume = volumes.find(({ name }) => name === mount?.name);
  if (mount === undefined || volume === undefined) return undefined;
  const file = path.slice(mount.mountPath.replace(/\/+$/, '').length + 1);
  return sourcesOf(volume)
    .map(({ items, ...source }) => ({ ...source, key: keyOf(file, items) }))
    .find((source): source is FileSource => source.key !== undefined);
}

type Items = { key: string; path: string }[] | undefined;

function sourcesOf({ configMap, secret, projected }: V1Volume) {
  const found = [
    { kind: 'configmaps', name: configMap?.name, items: configMap?.items },
    { kind: 'secrets', name: secret?.secretName, items: secret?.items },
    ...(projected?.sources ?? []).flatMap((source) => [
      { kind: 'configmaps', name: source.configMap?.name, items: source.configMap?.items },
      { kind: 'secrets', name: source.secret?.name, items: source.secret?.items },
    ]),
  ] as const;
  return found.flatMap(({ name, ...rest }) => (name === undefined ? [] : [{ name, ...rest }]));
}

function keyOf(file: string, items: Items): string | undefined {
  return items === undefined ? file : items.find(({ path }) => path === file)?.key;
}
