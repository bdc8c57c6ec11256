import type { V1Pod } from '@kubernetes/client-node';
import { type ExpectedToken, type NamespacedName } from '../../../core/doctor/expected-token.ts';
import { uniqueBy } from '../../../core/doctor/finding.ts';
import type { ObservedCluster } from '../../../core/doctor/observed.ts';
import type { ObservedCall, ObservedInPods, ObservedMount } from '../../../core/doctor/observed-in-pods.ts';
import type { Permission } from '../../../core/doctor/permissions.ts';
import { permissionText } from '../../../core/doctor/permissions.ts';
import { identityText } from '../../../core/token.ts';
import { documentKey } from '../../../core/token-volume.ts';
import { isRunning, podFacts, uses } from '../pods/pod-facts.ts';
import type { ContainerPlace, Executed } from '../terminal/pod-exec.ts';
import { reviewOfSelf } from './access-reviews.ts';
import { readTokenSecrets, secretText } from './observed-secret.ts';
import { type ContainerFiles, filesIn } from './pod-files.ts';
import { callInPod, hashInPod, type Run } from './pod-programs.ts';
import { itemsOf, type Readings } from './readings.ts';

export interface InPodsQuestion {
  readonly tokens: readonly ExpectedToken[];
  /** The Service of the reissue endpoint. */
  readonly service: NamespacedName;
  /** That the tokens of callers must have. */
  readonly audience: string;
}

/** Runs a command in a container. */
export type Exec = (place: ContainerPlace, command: readonly string[]) => Promise<Executed>;

const CA_KEY = 'ca.crt';
const HTTPS = 443;
/** Of each Secret. */
const MOST_PODS = 20;

/** What was found, and the Secrets of the files, which were read after them: they may be written at any time. */
export interface FoundInPods {
  readonly inPods: ObservedInPods;
  readonly secrets: ObservedCluster['secrets'];
}

/** Looks at the mounted files of client apps, and calls the reissue endpoint from one pod of each ServiceAccount. */
export async function observeInPods(readings: Readings, exec: Exec, question: InPodsQuestion): Promise<FoundInPods> {
  const { tokens, service } = question;
  const path = `/api/v1/namespaces/${service.namespace}/services/${service.name}`;
  const what = `get services in the namespace ${service.namespace}`;
  const found = await readings.object<{ spec?: { ports?: { port?: number }[] } }>(path, what);
  const port = typeof found === 'string' ? HTTPS : (found.spec?.ports?.[0]?.port ?? HTTPS);
  const endpoint = `${service.name}.${service.namespace}.svc:${port}`;
  const namespaces = [...new Set(tokens.map(({ identity }) => identity.namespace))];
  const parts = await Promise.all(
    namespaces.map(async (namespace) => {
      const own = tokens.filter(({ identity }) => identity.namespace === namespace);
      return new NamespaceLook(readings, exec, { ...question, tokens: own }, endpoint).look(namespace);
    }),
  );
  const mounts = parts.flatMap((part) => part.mounts);
  const compared = new Set(mounts.map(({ secret }) => secret));
  const secrets = await readTokenSecrets(
    readings,
    tokens.filter((token) => compared.has(secretText(token))),
  );
  const inPods = {
    mounts,
    calls: parts.flatMap((part) => part.calls),
    leftOut: uniqueBy(
      parts.flatMap((part) => part.leftOut),
      ({ secret }) => secret,
    ),
    uncalled: parts.flatMap((part) => part.uncalled),
    endpoint,
  };
  return { inPods, secrets };
}

type Parts = Omit<ObservedInPods, 'endpoint'>;

class NamespaceLook {
  readonly #readings: Readings;
  readonly #exec: Exec;
  readonly #question: InPodsQuestion;
  readonly #endpoint: string;

  constructor(readings: Readings, exec: Exec, question: InPodsQuestion, endpoint: string) {
    this.#readings = readings;
    this.#exec = exec;
    this.#question = question;
    this.#endpoint = endpoint;
  }

  async look(namespace: string): Promise<Parts> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const what = `list pods in the namespace ${namespace}`;
    const listed = await this.#readings.list<V1Pod>(path, what);
    const denial = await this.#denial(namespace);
    const parts: Parts[] = [];
    for (const token of this.#question.tokens) {
      const users = usersIn(itemsOf(listed), token.identity.secret);
      const { mounts, calls } = await this.#lookAt(token, users.slice(0, MOST_PODS), denial);
      const pods = users.length - MOST_PODS;
      const because =
        typeof listed === 'string'
          ? `you may not ${what}`
          : `no container that runs mounts the Secret ${secretText(token)} as a volume`;
      const isUncalled = token.clients.length > 0 && calls.length === 0;
      parts.push({
        mounts,
        calls,
        leftOut: pods > 0 ? [{ secret: secretText(token), pods }] : [],
        uncalled: isUncalled ? [{ token: identityText(token.identity), because }] : [],
      });
    }
    return {
      mounts: parts.flatMap((part) => part.mounts),
      calls: parts.flatMap((part) => part.calls),
      leftOut: parts.flatMap((part) => part.leftOut),
      uncalled: parts.flatMap((part) => part.uncalled),
    };
  }

  /** A container that cannot call is replaced by another one with the same ServiceAccount, if there is one. */
  async #lookAt(
    token: ExpectedToken,
    pods: readonly V1Pod[],
    denial: string | undefined,
  ): Promise<Pick<Parts, 'mounts' | 'calls'>> {
    const mounts: ObservedMount[] = [];
    const calls = new Map<string, ObservedCall>();
    for (const pod of pods) {
      for (const files of filesIn(pod, token.identity.secret, this.#question.audience)) {
        const run = this.#runIn(pod, files.container, denial);
        mounts.push(...(await mountOf(run, { pod, token, files })));
        if (token.clients.length === 0) continue;
        const account = pod.spec?.serviceAccountName ?? 'default';
        const earlier = calls.get(account);
        if (earlier !== undefined && !('because' in earlier.result)) continue;
        const call = await this.#callOf(run, { pod, token, files });
        if (earlier === undefined || !('because' in call.result)) calls.set(account, call);
      }
    }
    return { mounts, calls: [...calls.values()] };
  }

  /** Why no command can be run in pods of the namespace. */
  async #denial(namespace: string): Promise<string | undefined> {
    const needed: Permission[] = ['get', 'create'].map((verb) => ({
      verb,
      group: '',
      resource: 'pods',
      subresource: 'exec',
      namespace,
    }));
    const denied = (await reviewOfSelf(this.#readings, needed)).filter(({ isAllowed }) => !isAllowed);
    return denied.length === 0 ? undefined : `you may not ${denied.map(permissionText).join(', ')}`;
  }

  #runIn({ metadata }: V1Pod, container: string, denial: string | undefined): Run {
    if (denial !== undefined) return async () => ({ kind: 'failed', because: denial });
    const place = { namespace: metadata?.namespace ?? '', pod: metadata?.name ?? '', container };
    return (command) => this.#exec(place, command);
  }

  async #callOf(run: Run, { pod, token, files }: Look): Promise<ObservedCall> {
    const { namespace, secret, name } = token.identity;
    const account = pod.spec?.serviceAccountName ?? 'default';
    const asked = { pod: nameOf(pod), account, token: identityText(token.identity) };
    const { audience } = this.#question;
    const { callerToken } = files;
    const authority = files.fileOf(CA_KEY);
    if (callerToken === undefined)
      return { ...asked, result: { because: `it mounts no ServiceAccount token for the audience ${audience}` } };
    if (authority === undefined) return { ...asked, result: { because: `it does not mount ${CA_KEY} of the Secret` } };
    const path = `/v1/namespaces/${namespace}/secrets/${secret}/tokens/${name}/conditions`;
    const url = `https://${this.#endpoint}${path}`;
    return { ...asked, result: await callInPod(run, { url, callerToken, authority }) };
  }
}

interface Look {
  readonly pod: V1Pod;
  readonly token: ExpectedToken;
  readonly files: ContainerFiles;
}

async function mountOf(run: Run, { pod, token, files }: Look): Promise<readonly ObservedMount[]> {
  const place = { pod: nameOf(pod), container: files.container, secret: secretText(token), key: token.key };
  const document = documentKey(token.key);
  // What is stored nowhere cannot be mounted, even by a volume that takes all keys.
  const [first] = token.keys.flatMap((key) => files.fileOf(key) ?? []);
  if (first === undefined) return [];
  const file = files.fileOf(document);
  if (file === undefined) {
    const because = `its volume does not include ${document}, by which it would be compared`;
    return [{ ...place, file: first, found: { because } }];
  }
  return [{ ...place, file, found: await hashInPod(run, file) }];
}

function usersIn(pods: readonly V1Pod[], secret: string): readonly V1Pod[] {
  return pods.filter((pod) => {
    const facts = podFacts(pod);
    return facts !== undefined && !facts.isTest && isRunning(facts) && uses(facts, secret);
  });
}

function nameOf({ metadata }: V1Pod): NamespacedName {
  return { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' };
}
