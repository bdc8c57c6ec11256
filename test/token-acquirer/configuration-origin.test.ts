import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { podNamespace } from '../../src/adapters/fs/pod-namespace.ts';
import { fileOrigins } from '../../src/core/file-origin.ts';
import { loadConfiguration } from '../../src/token-acquirer/configuration-in-force.ts';
import { failure } from '../support/failure.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const directory = temporaryDirectory();
afterAll(() => directory.remove());

const ORIGIN = 'the key config.yaml of the ConfigMap acquirer-config in the namespace identity';

function put(name: string, text: string): string {
  const file = join(directory.path, name);
  writeFileSync(file, text);
  return file;
}

async function errorOf(file: string, isMounted: boolean): Promise<string> {
  const origins = isMounted ? `${file}=ConfigMap/acquirer-config/config.yaml` : '';
  return ((await failure(loadConfiguration(file, fileOrigins(origins, 'identity')))) as Error).message;
}

describe('an error in the configuration', () => {
  it.each([
    ['of a wrong form', 'tokens: []\n', 'config.yaml:1:1: authorizationServers: is missing'],
    ['that is not YAML', 'a: [\n', 'is not valid YAML'],
  ])('%s names the ConfigMap, and the line', async (_what, text, fault) => {
    const file = put('config.yaml', text);
    expect(await errorOf(file, true)).toMatch(new RegExp(`^The configuration, ${ORIGIN}, has one error:\n`));
    expect(await errorOf(file, true)).toContain(fault);
    expect(await errorOf(file, false)).toMatch(/^The configuration has one error:\n/);
  });

  it('names the missing ConfigMap, and how to create it', async () => {
    const file = join(directory.path, 'missing.yaml');
    expect(await errorOf(file, true)).toBe(
      `The configuration, ${ORIGIN}, is missing. Create the ConfigMap, or add the key to it. Try: kubectl create configmap acquirer-config --namespace identity --from-file=config.yaml.`,
    );
    expect(await errorOf(file, false)).toBe(
      `The configuration ${file} cannot be read (ENOENT); name a readable YAML file with --config.`,
    );
  });
});

describe('the namespace of the pod', () => {
  it('comes from the file of Kubernetes', () => {
    expect(podNamespace(put('namespace', 'identity\n'))).toBe('identity');
  });

  it.each([
    ['the file is missing', 'none', undefined],
    ['the file is empty', 'empty', '\n'],
  ])('is unknown if %s', (_what, name, text) => {
    expect(podNamespace(text === undefined ? join(directory.path, name) : put(name, text))).toBeUndefined();
  });
});
