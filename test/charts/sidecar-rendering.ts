import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { type HelmBinary, helm } from './helm.ts';

const CHART = join(import.meta.dirname, '../../charts/token-acquirer-client');
const FOLDER = '/etc/token-acquirer/sidecar';
const ANNOTATION = 'sidecar.token-acquirer.dev/';

/** What the templates of the sidecar add to a pod. */
export interface SidecarPod {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly initContainers: readonly SidecarContainer[];
    readonly volumes: readonly { readonly name: string; readonly [source: string]: unknown }[];
  };
}

export interface SidecarContainer {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly [field: string]: unknown;
}

/** The example application of the sidecar, whose dependency this helm has made. */
export interface SidecarChart {
  /** All of it, as text. Values are those of `tokenAcquirer`. */
  text(values?: unknown): Promise<string>;
  pod(values?: unknown): Promise<SidecarPod>;
  lint(): Promise<string>;
  stop(): Promise<void>;
}

/** Throws CommandFailed where helm fails. */
export async function openSidecarChart(binary: HelmBinary): Promise<SidecarChart> {
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-sidecar-chart-'));
  cpSync(CHART, folder, { recursive: true });
  const example = join(folder, 'example-sidecar');
  await helm(binary, ['dependency', 'build', example]);
  const text: SidecarChart['text'] = (values) => {
    const given = values === undefined ? '{}' : stringify({ tokenAcquirer: values });
    return helm(binary, ['template', 'billing-app', example, '--namespace=billing', '--values=-'], { input: given });
  };
  return {
    text,
    pod: async (values) => podIn(await text(values)),
    lint: () => helm(binary, ['lint', '--strict', example]),
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The pod of the Deployment in a rendering. */
export function podIn(text: string): SidecarPod {
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as { kind?: string; spec: { template: SidecarPod } } | null;
    if (object?.kind === 'Deployment') return object.spec.template;
  }
  throw new Error('There is no Deployment.');
}

/** What Kubernetes would give Envoy, made for a folder of this machine. */
export interface LocalSidecar {
  /** Of Envoy, after the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface LocalPlaces {
  /** An existing folder for the files of the sidecar's volume. */
  readonly folder: string;
  readonly namespace?: string;
  /** Texts of the rendering and what stands for them here, such as the reissue endpoint's address. */
  readonly instead?: Readonly<Record<string, string>>;
}

/** Replaces variables, and writes the files of the sidecar's volume, as the kubelet does. */
export function onThisMachine(
  pod: SidecarPod,
  { folder, namespace = 'billing', instead = {} }: LocalPlaces,
): LocalSidecar {
  const [container] = pod.spec.initContainers;
  if (container === undefined) throw new Error('There is no sidecar.');
  const replacements = Object.entries({
    '$(POD_IP)': '127.0.0.1',
    '$(REISSUE_NAMESPACE)': namespace,
    [FOLDER]: folder,
    ...instead,
  });
  const local = (text: string): string => replacements.reduce((all, [from, to]) => all.replaceAll(from, to), text);
  for (const [name, text] of Object.entries(pod.metadata.annotations)) {
    if (name.startsWith(ANNOTATION)) writeInto(folder, `${name.slice(ANNOTATION.length)}.yaml`, local(text));
  }
  const env = container.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
  return { args: container.args.map(local), env: Object.fromEntries(env) };
}

/** The configuration that an Envoy with these arguments reads. */
export function configurationIn({ args }: Pick<LocalSidecar, 'args'>): unknown {
  return parse(args[args.indexOf('--config-yaml') + 1] ?? '');
}

function writeInto(folder: string, name: string, content: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}
