/** What a cycle has to know of other token-acquirers that write the same tokens. */
export interface Others {
  /** Their pods; none in health. */
  readonly pods: readonly string[];
  /** Whether one of them renews first. */
  readonly standsBack: boolean;
}

export const ALONE: Others = { pods: [], standsBack: false };
