/** Changes of a file that is watched before it is read, so that no change is missed in between. */
export class FileChanges {
  readonly #unwatch: () => void;
  #isMissed = false;
  #follower: (() => void) | undefined;

  /** `watch` calls back when the file changes, and returns what stops it. */
  constructor(watch: (changed: () => void) => () => void) {
    this.#unwatch = watch(() => this.#changed());
  }

  /** Calls back for each change from now on, and once for all the changes until now. */
  follow(follower: () => void): void {
    this.#follower = follower;
    if (this.#isMissed) follower();
  }

  stop(): void {
    this.#unwatch();
    this.#follower = () => undefined;
  }

  #changed(): void {
    if (this.#follower === undefined) this.#isMissed = true;
    else this.#follower();
  }
}
