import type { V1Container, V1PodSpec } from '@kubernetes/client-node';

/** The key of a ConfigMap from which a token-acquirer reads its configuration. */
export interface ConfigurationSource {
  readonly configMap: string;
  readonly key: string;
}

/** Returns where the pod has its configuration from, by the arguments of `token-acquirer run`; `undefined` if from elsewhere. */
export function configurationSource({ containers, volumes = [] }: V1PodSpec): ConfigurationSource | undefined {
  for (const container of containers) {
    const path = configPath(container);
    if (path === undefined) continue;
    for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
      const { configMap } = volumes.find((volume) => volume.name === name) ?? {};
      const folder = mountPath.replace(/\/+$/, '');
      const isMounted = path === folder || path.startsWith(`${folder}/`);
      if (configMap?.name === undefined || !isMounted) continue;
      const within = path === folder ? (subPath ?? '') : path.slice(folder.length + 1);
      const key = configMap.items?.find((item) => item.path === within)?.key ?? within;
      return { configMap: configMap.name, key };
    }
  }
  return undefined;
}

/** `--config` of `run`. */
function configPath({ command = [], args = [] }: V1Container): string | undefined {
  const words = [...command, ...args];
  const at = words.findIndex((word) => word === '--config' || word.startsWith('--config='));
  if (!words.includes('run') || at < 0) return undefined;
  const word = words[at] ?? '';
  return word.includes('=') ? word.slice(word.indexOf('=') + 1) : words[at + 1];
}
