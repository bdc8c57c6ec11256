import { StoreError } from '../core/errors.ts';
import type { Ms, SecretReference } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { RefreshTokenStore } from '../ports/refresh-token-store.ts';
import type { ProcessStatus } from './endpoints/process-status.ts';

export interface StateCheckOptions {
  readonly clock: Clock;
  readonly store: Pick<RefreshTokenStore, 'check'>;
  /** Where rotated refresh tokens are kept. */
  readonly place: SecretReference;
  readonly status: ProcessStatus;
  /** Whether a token keeps something there, and this process looks after it. */
  readonly isNeeded: () => boolean;
}

/** So that a deleted Secret is reported before a restart loses the refresh tokens in memory. */
const LOOK_EVERY: Ms = 10_000;

/** Checks until `stop` aborts that rotated refresh tokens can be kept. Never rejects. */
export async function checkState(options: StateCheckOptions, stop: AbortSignal): Promise<void> {
  const { clock, store, isNeeded } = options;
  while (!stop.aborted) {
    let failure: StoreError | undefined;
    try {
      if (isNeeded()) await store.check();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      failure = error;
    }
    if (!stop.aborted) report(options, failure);
    await clock.wait(LOOK_EVERY, stop);
  }
}

function report({ status, place, isNeeded }: StateCheckOptions, failure: StoreError | undefined): void {
  if (!isNeeded()) {
    const message = 'No token keeps anything in the state.';
    if (status.isUnhealthy('StateStored')) status.report('StateStored', { status: true, reason: 'NotNeeded', message });
  } else if (failure === undefined) {
    status.report('StateStored', { status: true, reason: 'Readable', message: 'The state can be read.' });
  } else if (failure.permanent) {
    const message = `${failure.message} Do not restart the token-acquirer before: rotated refresh tokens are only in its memory, and are stored again with their next use.`;
    status.report('StateStored', { status: false, reason: 'StateUnavailable', message }, place);
  }
}
