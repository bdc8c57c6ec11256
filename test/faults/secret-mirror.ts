import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CoreV1Api } from '@kubernetes/client-node';
import { AtomicWriter } from '../support/atomic-writer.ts';

const EVERY = 200;

/** Mounts a Secret as the kubelet does, without a node: a directory that follows it. */
export class SecretMirror {
  readonly directory: string;
  readonly #core: CoreV1Api;
  readonly #secret: { readonly namespace: string; readonly name: string };
  readonly #writer: AtomicWriter;
  #stopped = false;
  #known = '';
  /** Whether the directory stays as it is. */
  paused = false;

  constructor(root: string, core: CoreV1Api, secret: { readonly namespace: string; readonly name: string }) {
    this.directory = join(root, 'mounted');
    this.#core = core;
    this.#secret = secret;
    this.#writer = new AtomicWriter(this.directory);
    void this.#follow();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      // While the API server does not answer, the files stay, as in a pod.
      if (!this.paused) await this.#copy().catch(() => undefined);
      await pause(EVERY);
    }
  }

  async #copy(): Promise<void> {
    const { data = {}, metadata } = await this.#core.readNamespacedSecret(this.#secret);
    const version = metadata?.resourceVersion ?? '';
    if (version === this.#known || this.#stopped) return;
    this.#writer.write(
      Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64')])),
    );
    this.#known = version;
  }
}
