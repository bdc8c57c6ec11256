import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly items?: readonly { key: string; path: string }[] };
  readonly configMap?: { readonly name: string; readonly items?: readonly { key: string; path: string }[] };
  readonly projected?: { readonly sources: readonly Readonly<Record<string, object>>[] };
  readonly [source: string]: unknown;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly resources?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly [field: string]: unknown;
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly [field: string]: unknown;
}

/** An object of a manifest, with the fields that tests check. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly Rule[];
  readonly subjects?: readonly object[];
  readonly roleRef?: object;
  readonly spec?: {
    readonly template?: { readonly metadata: { readonly labels: object }; readonly spec: PodSpec };
    readonly [field: string]: unknown;
  };
}

/** The manifests to apply directly, not those of kustomize. Paths relative to the project's folder. */
export function manifestFiles(): string[] {
  return globSync('manifests/{*,example/*}.yaml', { cwd: ROOT }).toSorted();
}

export function manifestText(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** Returns the objects of one file in their order. Throws if the file is not YAML. */
export function objectsIn(file: string): KubernetesObject[] {
  return parseAllDocuments(manifestText(file)).flatMap((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw new Error(`${file}: ${fault.message}`);
    // The part before the first `---` may be only a comment.
    return document.contents === null ? [] : [document.toJS() as KubernetesObject];
  });
}

/** Returns the objects of the example, in the order in which kubectl applies them. */
export function exampleObjects(): KubernetesObject[] {
  return manifestFiles()
    .filter((file) => file.startsWith('manifests/example/'))
    .flatMap(objectsIn);
}
