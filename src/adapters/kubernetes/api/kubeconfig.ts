import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { systemCode, UsageError } from '../../../core/errors.ts';
import { KubeConfig } from './client-library.ts';

/**
 * Returns the kubeconfig files that kubectl would use: the given one, the existing ones of KUBECONFIG, or `~/.kube/config`.
 * Throws UsageError where there is none.
 */
export function kubeconfigFiles(
  given: string | undefined,
  environment: NodeJS.ProcessEnv,
  home: string,
): readonly [string, ...string[]] {
  if (given !== undefined) return [given];
  const { KUBECONFIG: listed = '' } = environment;
  const candidates = listed.split(delimiter).filter((file) => file !== '');
  if (candidates.length === 0) candidates.push(join(home, '.kube', 'config'));
  const [first, ...others] = candidates.filter((file) => existsSync(file));
  if (first !== undefined) return [first, ...others];
  throw new UsageError(
    `No kubeconfig: ${candidates.join(' and ')} ${candidates.length > 1 ? 'do' : 'does'} not exist. Log in to the cluster as for kubectl, or name a file with --kubeconfig.`,
  );
}

/**
 * All of the files as one, as kubectl has it: of two entries with a name, and of two current contexts, the first counts.
 * `context` takes the place of the current one. Throws UsageError, without quoting what may be a key.
 */
export function loadKubeconfig(files: readonly [string, ...string[]], context?: string): KubeConfig {
  const [config, ...others] = files.map(loadFile) as [KubeConfig, ...KubeConfig[]];
  for (const other of others) {
    config.clusters = firstOfEach([...config.clusters, ...other.clusters]);
    config.users = firstOfEach([...config.users, ...other.users]);
    config.contexts = firstOfEach([...config.contexts, ...other.contexts]);
    config.currentContext ||= other.currentContext;
  }
  if (context === undefined) return config;
  if (config.getContextObject(context) === null) {
    const there = config.contexts.map(({ name }) => name).join(', ') || 'none';
    throw new UsageError(`The kubeconfig ${files.join(' and ')} has no context ${context}. Contexts: ${there}.`);
  }
  config.setCurrentContext(context);
  return config;
}

function loadFile(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    readFileSync(file);
  } catch (error) {
    throw new UsageError(`The file ${file} cannot be read (${systemCode(error) ?? 'no code'}). Name another file.`);
  }
  try {
    config.loadFromFile(file);
  } catch {
    // The parser's own message quotes the file, which holds keys.
    throw new UsageError(`The kubeconfig ${file} is damaged. Try: kubectl --kubeconfig ${file} config view.`);
  }
  return config;
}

function firstOfEach<Named extends { readonly name: string }>(entries: readonly Named[]): Named[] {
  return entries.filter(({ name }, index) => entries.findIndex((entry) => entry.name === name) === index);
}
