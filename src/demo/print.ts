import type { EpochMs } from '../core/token.ts';
import type { Mood, StoryLine } from './story.ts';

export interface Look {
  readonly color: boolean;
  /** What the times of the lines are counted from. */
  readonly start: EpochMs;
}

const WHO_WIDTH = 20;
const RESET = '\u001B[0m';
const DIM = '\u001B[2m';
const COLORS: Readonly<Record<Mood, string>> = {
  plain: '',
  good: '\u001B[32m',
  bad: '\u001B[31m',
  act: '\u001B[36m',
};

/** Colors are for terminals, unless the user asked for none (https://no-color.org). */
export function wantsColor(isTerminal: boolean, noColor: string | undefined): boolean {
  return isTerminal && (noColor ?? '') === '';
}

/** `  12.3 s  gateway               token 3fa9c1d2… of billing-app: 401 invalid_token` */
export function formatLine({ at, who, text, mood }: StoryLine, { color, start }: Look): string {
  const time = `${((at - start) / 1000).toFixed(1).padStart(6)} s`;
  const place = who.padEnd(WHO_WIDTH);
  if (!color) return `${time}  ${place}  ${text}`;
  return `${DIM}${time}${RESET}  ${place}  ${COLORS[mood]}${text}${COLORS[mood] === '' ? '' : RESET}`;
}
