/** The ConfigMap or Secret that a file of the pod is a copy of. */
export interface FileOrigin {
  /** `the key ca.crt of the ConfigMap corporate-ca in the namespace token-acquirer`. */
  readonly text: string;
  /** What to do where it is missing, in sentences. */
  readonly creation: string;
}

/** `undefined` where the file itself is what a person changes. */
export type OriginOf = (path: string) => FileOrigin | undefined;

/** What is wrong with a file, as a predicate. */
interface FileFault {
  readonly message: string;
  readonly isMissing: boolean;
}

const ENTRY = /^(?<path>[^=]+)=(?<kind>ConfigMap|Secret)\/(?<name>[^/]+)\/(?<key>[^/]+)$/;

/**
 * Reads `PATH=KIND/NAME/KEY,…`, as the chart sets it: the process may not read its own Deployment. What has another form
 * is left out, because it only serves messages.
 */
export function fileOrigins(text: string, namespace: string | undefined): OriginOf {
  const entries = text.split(',').flatMap((entry) => {
    const { path, kind, name, key } = ENTRY.exec(entry.trim())?.groups ?? {};
    if (path === undefined || kind === undefined || name === undefined || key === undefined) return [];
    return [[path, originIn({ kind, name, key, namespace })] as const];
  });
  const origins = new Map(entries);
  return (path) => origins.get(path);
}

interface Place {
  readonly kind: string;
  readonly name: string;
  readonly key: string;
  readonly namespace: string | undefined;
}

function originIn({ kind, name, key, namespace }: Place): FileOrigin {
  const within = namespace === undefined ? '' : ` in the namespace ${namespace}`;
  const what = kind === 'ConfigMap' ? 'configmap' : 'secret generic';
  const option = namespace === undefined ? '' : ` --namespace ${namespace}`;
  return {
    text: `the key ${key} of the ${kind} ${name}${within}`,
    creation: `Create the ${kind}, or add the key to it. Try: kubectl create ${what} ${name}${option} --from-file=${key}.`,
  };
}

/** What is wrong with a file, where a person changes it: `Its CA, the key …, is missing. Create …`. `what` begins it. */
export function faultAtOrigin(what: string, { message, isMissing }: FileFault, origin: FileOrigin): string {
  if (isMissing) return `${what}, ${origin.text}, is missing. ${origin.creation}`;
  return `${what}, ${origin.text}, ${message}. Correct it there.`;
}
