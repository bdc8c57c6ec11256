import {
  type AccessToken,
  type AccessTokenSpec,
  type AccessTokenStatus,
  identityOf,
} from '../../src/core/access-token.ts';
import { changedFinalizers } from '../../src/core/access-token-end.ts';
import { StoreError } from '../../src/core/errors.ts';
import { identityText } from '../../src/core/token.ts';
import type { VolumeData } from '../../src/core/token-volume.ts';
import type { AccessTokens, FollowedAccessTokens } from '../../src/ports/access-tokens.ts';

/** AccessTokens that a test makes, changes and deletes. */
export class FakeAccessTokens implements AccessTokens {
  /** Owners of Secrets by `namespace/secret`: a UID, or what somebody else calls himself. */
  readonly owners = new Map<string, string>();
  /** Each status that was reported, with the name of the AccessToken. */
  readonly reports: { readonly name: string; readonly status: AccessTokenStatus }[] = [];
  /** Namespaces whose API server answers no writes. */
  readonly unavailable = new Set<string>();
  /** Whether calls about Secrets wait until this is false again. */
  hold = false;
  /** What Secrets hold, by `namespace/secret`. */
  readonly contents = new Map<string, VolumeData>();
  /** Each write of a finalizer, such as `dynamics set`. */
  readonly finalizerWrites: string[] = [];
  readonly #resources = new Map<string, AccessToken>();
  readonly #followers = new Set<() => void>();
  #made = 0;

  apply(name: string, spec: AccessTokenSpec, namespace = 'billing'): AccessToken {
    const key = `${namespace}/${name}`;
    const before = this.#resources.get(key);
    this.#made += 1;
    const resource: AccessToken = {
      namespace,
      name,
      uid: before?.uid ?? `uid-${this.#made}`,
      generation: (before?.generation ?? 0) + 1,
      createdAt: before?.createdAt ?? this.#made * 1000,
      spec,
      status: before?.status ?? {},
      ...(before?.finalizers !== undefined && { finalizers: before.finalizers }),
    };
    this.#put(resource);
    return resource;
  }

  /** As `kubectl annotate` does. */
  askReissue(name: string, reissue: string, namespace = 'billing'): void {
    const resource = this.#resources.get(`${namespace}/${name}`);
    if (resource !== undefined) this.#put({ ...resource, reissue });
  }

  /** As the API server does: one with a finalizer stays until it has none. */
  delete(name: string, namespace = 'billing'): void {
    const resource = this.#resources.get(`${namespace}/${name}`);
    if (resource?.finalizers !== undefined)
      return this.#put({ ...resource, isDeleting: true, generation: resource.generation + 1 });
    this.#resources.delete(`${namespace}/${name}`);
    this.#tell();
  }

  /** What the API server has; `undefined` where it is gone. */
  find(name: string, namespace = 'billing'): AccessToken | undefined {
    return this.#resources.get(`${namespace}/${name}`);
  }

  /** As somebody else does. */
  changeFinalizers(name: string, change: (all: readonly string[]) => readonly string[], namespace = 'billing'): void {
    const { finalizers = [], ...resource } = this.#resources.get(`${namespace}/${name}`) ?? {};
    if (!('spec' in resource)) return;
    const next = change(finalizers);
    this.#put({ ...resource, ...(next.length > 0 && { finalizers: next }) });
    if (resource.isDeleting === true && next.length === 0) this.delete(name, namespace);
  }

  /** The status that the API server has. */
  statusOf(name: string, namespace = 'billing'): AccessTokenStatus {
    return this.#resources.get(`${namespace}/${name}`)?.status ?? {};
  }

  follow(namespaces: readonly string[], changed: () => void): FollowedAccessTokens {
    let wanted = namespaces;
    const follower = (): void => changed();
    this.#followers.add(follower);
    queueMicrotask(follower);
    return {
      current: () => [...this.#resources.values()].filter(({ namespace }) => wanted.includes(namespace)),
      change: (next) => {
        wanted = next;
        queueMicrotask(follower);
      },
      stop: () => void this.#followers.delete(follower),
    };
  }

  async claim(resource: AccessToken): Promise<'claimed' | 'taken'> {
    while (this.hold) await new Promise((resolve) => setImmediate(resolve));
    this.#refuse(resource.namespace, 'The Secret cannot be made.');
    const { namespace, secret } = identityOf(resource);
    const place = `${namespace}/${secret}`;
    const owner = this.owners.get(place) ?? resource.uid;
    this.owners.set(place, owner);
    return owner === resource.uid ? 'claimed' : 'taken';
  }

  async stored(resource: AccessToken): Promise<VolumeData | undefined> {
    this.#refuse(resource.namespace, 'The Secret cannot be read.');
    const { namespace, secret } = identityOf(resource);
    const place = `${namespace}/${secret}`;
    return this.owners.get(place) === resource.uid ? (this.contents.get(place) ?? {}) : undefined;
  }

  async setFinalizer(resource: AccessToken, isSet: boolean): Promise<'written' | 'changed'> {
    this.#refuse(resource.namespace, 'The finalizer cannot be written.');
    const { namespace, name, uid, finalizers } = resource;
    this.finalizerWrites.push(`${name} ${isSet ? 'set' : 'removed'}`);
    const present = this.#resources.get(`${namespace}/${name}`);
    // The patch does not match then.
    if (present?.uid !== uid || JSON.stringify(present.finalizers) !== JSON.stringify(finalizers)) return 'changed';
    this.changeFinalizers(name, (all) => changedFinalizers(all, isSet), namespace);
    return 'written';
  }

  async report(resource: AccessToken, status: AccessTokenStatus): Promise<void> {
    this.#refuse(resource.namespace, `The status of ${identityText(identityOf(resource))} cannot be written.`);
    const { namespace, name, uid } = resource;
    const present = this.#resources.get(`${namespace}/${name}`);
    if (present?.uid !== uid) return;
    this.reports.push({ name, status });
    this.#put({ ...present, status });
  }

  #refuse(namespace: string, message: string): void {
    if (this.unavailable.has(namespace)) throw new StoreError(message);
  }

  #put(resource: AccessToken): void {
    this.#resources.set(`${resource.namespace}/${resource.name}`, resource);
    this.#tell();
  }

  #tell(): void {
    for (const changed of Array.from(this.#followers)) changed();
  }
}
