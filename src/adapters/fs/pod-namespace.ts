import { readFileSync } from 'node:fs';

const FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** The namespace of the pod that this runs in, for messages; `undefined` where there is none to be read. */
export function podNamespace(file = FILE): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}
