import type { EpochMs } from '../core/token.ts';

/** A message of a child of the demo to its parent, over the IPC channel. `at`: when it happened, because the channel may take a while. */
export type ChildMessage<Report> =
  | { readonly kind: 'listening'; readonly urls: Readonly<Record<string, string>> }
  | { readonly kind: 'report'; readonly report: Report; readonly at: EpochMs };

/**
 * Ends this process as soon as its parent has ended. The kernel closes the IPC channel however the parent ended, so
 * this holds after SIGKILL too. Call it first: a parent may die while its child still starts.
 *
 * `last` is called before, where there is something left to do.
 */
export function exitWithParent(last: () => void = () => {}): void {
  if (process.send === undefined) {
    process.stderr.write('This process is a part of the demo and does not run by itself. Run `npm run demo`.\n');
    process.exit(2);
  }
  // The channel may have closed before anyone could listen for it.
  if (!process.connected) process.exit(0);
  process.on('disconnect', () => {
    last();
    process.exit(0);
  });
}

/** Reports to the parent where this process listens: it is ready. */
export function announce(urls: Readonly<Record<string, string>>): void {
  send({ kind: 'listening', urls });
}

/** Reports to the parent that something happened. Never a secret, because the parent prints it. */
export function report<Report>(happened: Report): void {
  send({ kind: 'report', report: happened, at: Date.now() });
}

/** Resolves with the instructions of this process. They hold secrets, and come by the channel, which nobody else reads. */
export async function instructions<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', (message) => resolve(message as T)));
}

/** Calls back for every later order of the parent. */
export function onOrder<Order>(obey: (order: Order) => void): void {
  process.on('message', (message) => obey(message as Order));
}

function send(message: ChildMessage<unknown>): void {
  // Without a callback a channel that closes in the meantime would throw out of here; the process ends by itself then.
  process.send?.(message, undefined, {}, () => {});
}
