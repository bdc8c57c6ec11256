/** What one check found. */
export interface Finding {
  /** `not-tried`: an earlier check left nothing to try it with, or it was not asked for. */
  readonly result: 'passed' | 'failed' | 'not-tried';
  /** What was checked: `reissue of dynamics`. */
  readonly subject: string;
  /** What was found; where it failed, what is wrong and what to do. One line, without any secret. */
  readonly sentence: string;
}

/** Called with each finding as soon as it exists. */
export type Report = (finding: Finding) => void;

const MARKS = { passed: '✔', failed: '✘', 'not-tried': '–' } as const;

/** `✔ token dynamics: …`, without a line break. */
export function lineOf({ result, subject, sentence }: Finding): string {
  return `${MARKS[result]} ${subject}: ${sentence}`;
}
