import { errorKind } from '../../core/error-kind.ts';
import type { TokenStatus } from './token-status.ts';

/**
 * Resolves with what the task returns; `undefined` where it failed. An error of our own degrades this token only. Its
 * message may quote anything, so only its kind is reported. Never rejects.
 */
export async function containFailure<Value>(
  status: TokenStatus,
  task: () => Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await task();
  } catch (error) {
    const message = `The cycle of this token failed inside the token-acquirer (${errorKind(error)}); it goes on.`;
    status.failed('internal', message);
    status.emit({ kind: 'cycle-failed', message });
    return undefined;
  }
}
