import type { SecretReference } from '../../../core/token.ts';
import { documentKey } from '../../../core/token-volume.ts';
import type { StoreWatch } from '../../../ports/store-watch.ts';
import type { ApiServer } from '../api/api-server.ts';
import { ObjectObservation, type ObservationOptions, type ObservedObject } from '../api/object-observation.ts';
import type { SecretTokenStore } from './secret-token-store.ts';

export interface SecretWatchOptions extends ObservationOptions {
  /** How many Secrets are watched at most, 256 by default: each takes a connection. */
  readonly most?: number;
}

interface Listener {
  readonly document: string;
  readonly changed: () => void;
}

interface Followed {
  readonly secret: SecretReference;
  readonly listeners: Set<Listener>;
  observation: ObjectObservation | undefined;
}

const MOST = 256;

/**
 * The token Secrets, each watched once, however many tokens are in it. A write of this process costs nothing: it is known
 * by its resourceVersion. Needs `watch` on each Secret, by name.
 */
export class SecretWatch implements StoreWatch {
  readonly #api: ApiServer;
  readonly #store: SecretTokenStore;
  readonly #options: SecretWatchOptions;
  readonly #followed = new Map<string, Followed>();
  #enabled = false;
  #told = false;

  constructor(api: ApiServer, store: SecretTokenStore, options: SecretWatchOptions) {
    this.#api = api;
    this.#store = store;
    this.#options = options;
  }

  enable(on: boolean): void {
    this.#enabled = on;
    this.#adjust();
  }

  watch(secret: SecretReference, key: string, changed: () => void): () => void {
    const name = `${secret.namespace}/${secret.secret}`;
    const one = this.#followed.get(name) ?? { secret, listeners: new Set(), observation: undefined };
    const listener = { document: documentKey(key), changed };
    one.listeners.add(listener);
    this.#followed.set(name, one);
    this.#adjust();
    return () => {
      if (!one.listeners.delete(listener) || one.listeners.size > 0) return;
      one.observation?.stop();
      this.#followed.delete(name);
      this.#adjust();
    };
  }

  covers({ namespace, secret }: SecretReference): boolean {
    return this.#followed.get(`${namespace}/${secret}`)?.observation?.isOpen === true;
  }

  /** Ends all watches. */
  close(): void {
    this.enable(false);
  }

  /** Has those watched that are to be, and no others. */
  #adjust(): void {
    const { most = MOST, onFault } = this.#options;
    let free = this.#enabled ? most : 0;
    for (const one of this.#followed.values()) {
      if (free > 0) one.observation ??= this.#observe(one);
      else this.#leave(one);
      free -= 1;
    }
    if (!this.#enabled || this.#followed.size <= most || this.#told) return;
    this.#told = true;
    onFault(
      `There are more than ${most} token Secrets, so ${most} are watched. What others do to the rest is repaired within 30 s.`,
    );
  }

  #observe(one: Followed): ObjectObservation {
    const changed = (version: string): void => void this.#tell(one, version);
    const observation = new ObjectObservation(this.#api, objectOf(one.secret), { ...this.#options, changed });
    void observation.run();
    return observation;
  }

  #leave(one: Followed): void {
    one.observation?.stop();
    one.observation = undefined;
  }

  async #tell({ secret, listeners }: Followed, version: string): Promise<void> {
    for (const listener of Array.from(listeners)) {
      const isNews = !(await this.#store.knows(secret, version, listener.document));
      if (isNews && listeners.has(listener)) listener.changed();
    }
  }
}

function objectOf({ namespace, secret }: SecretReference): ObservedObject {
  return {
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`,
    name: secret,
    title: `The Secret ${namespace}/${secret}`,
    remedy: `Allow it by a Role in the namespace ${namespace} (verb watch, resource secrets, resourceNames ${secret}) and a RoleBinding, or set \`propagation.watch: false\`.`,
    otherwise: 'Changes by others are still repaired within 30 s.',
  };
}
