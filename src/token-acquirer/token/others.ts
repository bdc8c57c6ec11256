/** What a cycle has to know about other token-acquirers that write the same tokens. */
export interface Others {
  /** Their pods; none in a healthy installation. */
  readonly pods: readonly string[];
  /** Whether one of them renews first. */
  readonly standsBack: boolean;
}

export const ALONE: Others = { pods: [], standsBack: false };
