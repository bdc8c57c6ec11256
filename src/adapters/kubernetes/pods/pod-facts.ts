import type { V1Container, V1Pod, V1PodStatus, V1Volume } from '@kubernetes/client-node';
import type { AppPods, SelectedPods } from '../../../ports/execution-state.ts';

/** A way to consume a Secret in which a pod never sees it change. */
export type FrozenWay = 'subPath' | 'environment';

/** What is kept of a pod: little, for a namespace may have thousands. */
export interface PodFacts {
  readonly uid: string;
  readonly name: string;
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string;
  readonly deleting: boolean;
  /** Whether it has a node, whose kubelet looks after its volumes. */
  readonly scheduled: boolean;
  /** Secrets that the kubelet keeps up to date in a volume of the pod, projected volumes included. */
  readonly mounted: readonly string[];
  /** Secrets that the pod consumes in a way in which it never sees them change. */
  readonly frozen: readonly FrozenUse[];
  /** As a selector would name them: `app=billing,tier=web`. Empty where the pod uses no Secret. */
  readonly labels: string;
  /** Whether it is a pod of `helm test`. */
  readonly isTest: boolean;
  /** Its containers that its kubelet knows, each of which has a log once it has started. */
  readonly outputs: readonly Output[];
}

export interface Output {
  readonly container: string;
  readonly restarts: number;
  /** Whether it has started: now, or before a restart. */
  readonly started: boolean;
}

/** A container that consumes a Secret through `subPath` or its environment. */
export interface FrozenUse {
  readonly secret: string;
  readonly way: FrozenWay;
  readonly container: string;
}

type Container = Pick<V1Container, 'name' | 'env' | 'envFrom' | 'volumeMounts'>;

/** Whether the pod counts for its client app: Pending or Running, and not about to go. Readiness never counts. */
export function isRunning({ phase, deleting }: PodFacts): boolean {
  return !deleting && (phase === 'Pending' || phase === 'Running');
}

/** Whether the pod consumes the Secret in any way. It cannot start before the keys exist that it names. */
export function uses({ mounted, frozen }: PodFacts, secret: string): boolean {
  return mounted.includes(secret) || frozen.some((use) => use.secret === secret);
}

/** What is to be known of a pod; `undefined` for something without a name, which is none. */
export function podFacts({ metadata, spec, status }: V1Pod): PodFacts | undefined {
  if (metadata?.name === undefined || metadata.uid === undefined) return undefined;
  const containers: Container[] = [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  const volumes = new Map((spec?.volumes ?? []).map((volume) => [volume.name, secretsOf(volume)]));
  const mounted = unique(containers.flatMap((container) => followed(container, volumes)));
  const frozen = containers.flatMap((container) => frozenIn(container, volumes));
  const usesSecrets = mounted.length > 0 || frozen.length > 0;
  return {
    uid: metadata.uid,
    name: metadata.name,
    phase: status?.phase ?? 'Unknown',
    deleting: metadata.deletionTimestamp !== undefined,
    scheduled: (spec?.nodeName ?? '') !== '',
    mounted,
    frozen,
    labels: usesSecrets ? labelsOf(metadata.labels ?? {}) : '',
    isTest: (metadata.annotations?.['helm.sh/hook'] ?? '').startsWith('test'),
    outputs: outputsIn(status ?? {}),
  };
}

/** Whether all its containers have ended, and none will start again. */
export function hasEnded({ phase }: PodFacts): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

function outputsIn({ initContainerStatuses = [], containerStatuses = [] }: V1PodStatus): readonly Output[] {
  return [...initContainerStatuses, ...containerStatuses].map(({ name, restartCount, state, lastState }) => {
    const started = [state?.running, state?.terminated, lastState?.terminated].some(Boolean);
    return { container: name, restarts: restartCount, started };
  });
}

/** Set by controllers, so no selector names them. */
const GENERATED_LABELS = ['pod-template-hash', 'controller-revision-hash', 'pod-template-generation'];
/** A message is cut at 1 KiB. */
const LONGEST_LABELS = 300;

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const chosen = Object.entries(labels).filter(([key]) => !GENERATED_LABELS.includes(key));
  const text = chosen.map(([key, value]) => `${key}=${value}`).join(',');
  return text.length > LONGEST_LABELS ? `${text.slice(0, LONGEST_LABELS)}…` : text;
}

function secretsOf({ secret, projected }: V1Volume): readonly string[] {
  const names = [secret?.secretName, ...(projected?.sources ?? []).map((source) => source.secret?.name)];
  return unique(names.filter((name) => name !== undefined));
}

type Volumes = ReadonlyMap<string, readonly string[]>;

function followed({ volumeMounts = [] }: Container, volumes: Volumes): readonly string[] {
  return volumeMounts.filter((mount) => !isSubPath(mount)).flatMap((mount) => volumes.get(mount.name) ?? []);
}

function frozenIn(container: Container, volumes: Volumes): readonly FrozenUse[] {
  const { name, env = [], envFrom = [], volumeMounts = [] } = container;
  const subPaths = volumeMounts.filter(isSubPath).flatMap((mount) => volumes.get(mount.name) ?? []);
  const variables = [
    ...env.map((variable) => variable.valueFrom?.secretKeyRef?.name),
    ...envFrom.map((source) => source.secretRef?.name),
  ].filter((secret) => secret !== undefined);
  return [
    ...unique(subPaths).map((secret): FrozenUse => ({ secret, way: 'subPath', container: name })),
    ...unique(variables).map((secret): FrozenUse => ({ secret, way: 'environment', container: name })),
  ];
}

function isSubPath({ subPath = '', subPathExpr = '' }: { subPath?: string; subPathExpr?: string }): boolean {
  return subPath !== '' || subPathExpr !== '';
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}

/** So many pods are named; the rest are counted. */
const NAMED = 3;

const EXPLANATIONS: Readonly<Record<FrozenWay, readonly [what: string, remedy: string]>> = {
  subPath: ['mounts a file of it with subPath', 'Mount the whole volume at a directory.'],
  environment: ['reads it into environment variables', 'Mount it as a volume.'],
};

/** A sentence for each way in which running pods consume the Secret and never see a new token. */
export function frozenWarnings(pods: readonly PodFacts[], secret: string): readonly string[] {
  const running = pods.filter(isRunning);
  return (['subPath', 'environment'] as const).flatMap((way) => {
    const users = running.flatMap((pod) =>
      pod.frozen.filter((use) => use.secret === secret && use.way === way).map((use) => ({ pod: pod.name, ...use })),
    );
    if (users.length === 0) return [];
    const [what, remedy] = EXPLANATIONS[way];
    const named = users.slice(0, NAMED).map((use) => `container ${use.container} of pod ${use.pod}`);
    const more = users.length > NAMED ? ` and ${users.length - NAMED} more` : '';
    return [`The Secret ${secret} never changes for ${named.join(', ')}${more}, which ${what}. ${remedy}`];
  });
}

/** How many running pods the selector selects. */
export function selectionSentence({ namespace, selector }: SelectedPods, count: number): string {
  const pods = count === 1 ? '1 pod' : `${count || 'no'} pods`;
  const are = count === 1 ? 'is' : 'are';
  return `The selector ${selector} matches ${pods} in the namespace ${namespace} that ${are} Pending or Running.`;
}

/** The sentences for running pods that use the Secret while the selector selects none that runs. */
export function unselectedWarning({ namespace, selector, secret }: AppPods, pods: readonly PodFacts[]): string {
  const [first] = pods;
  const names = pods.slice(0, NAMED).map(({ name }) => name);
  const more = pods.length > NAMED ? ` and ${pods.length - NAMED} more` : '';
  const labels = first === undefined || first.labels === '' ? 'no labels' : `the labels ${first.labels}`;
  const [users, count] =
    names.length === 1
      ? [`The pod ${names[0]} uses the Secret ${secret} and has ${labels}.`, 'It counts']
      : [`The pods ${names.join(', ')}${more} use the Secret ${secret}. The first one has ${labels}.`, 'They count'];
  return `The selector ${selector} matches no pod in the namespace ${namespace} that is Pending or Running. ${users} ${count} as the client app. Correct clientApp.selector in the configuration, or the labels.`;
}
