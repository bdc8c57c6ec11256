import type { Progress } from '../../core/errors.ts';

export type OutboundFailure =
  | 'refused_address'
  | 'proxy_denied'
  | 'unreachable'
  | 'timeout'
  | 'cancelled'
  | 'invalid_response';

/** An HTTP exchange that gave no answer to work with. The message is a sentence that names the host and no secret. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly code: OutboundFailure;
  readonly progress: Progress;
  /** Whether a connection of an earlier request ended before any answer, as one does that the server had just closed. */
  readonly isStale: boolean;
  /** Which of the reasons it was where no connection came about; `undefined` for any other. */
  readonly fault: 'name' | 'certificate' | undefined;

  constructor(
    code: OutboundFailure,
    message: string,
    progress: Progress,
    { isStale = false, fault }: { isStale?: boolean; fault?: OutboundError['fault'] } = {},
  ) {
    super(message);
    this.fault = fault;
    this.code = code;
    this.progress = progress;
    this.isStale = isStale;
  }
}
