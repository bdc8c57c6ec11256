import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const REFERENCE = join(import.meta.dirname, '../../docs/reference/access-tokens.md');

/** What is true of an AccessToken. All tools must agree with it. */
export type Truth = 'ready' | 'in work' | 'stuck' | 'ending';

/** A row of the table of states in the reference. */
export interface DocumentedState {
  readonly state: string;
  /** Of the condition `Ready`, such as `True TokenValid`; empty where there is none. */
  readonly ready: string;
  readonly kubectl: string;
  readonly kstatus: string;
  readonly helm: string;
}

/** What each tool shows of what is true. */
export const VERDICTS: Readonly<Record<Truth, Pick<DocumentedState, 'kubectl' | 'kstatus' | 'helm'>>> = {
  ready: { kubectl: 'ends', kstatus: 'Current', helm: 'ends' },
  'in work': { kubectl: 'waits', kstatus: 'InProgress', helm: 'waits' },
  stuck: { kubectl: 'waits', kstatus: 'Failed', helm: 'fails' },
  ending: { kubectl: 'waits', kstatus: 'Terminating', helm: 'waits' },
};

/** Returns the table of states that the reference has. */
export function documentedStates(): readonly DocumentedState[] {
  const [, rest = ''] = readFileSync(REFERENCE, 'utf8').split('\n## States\n');
  const rows =
    rest
      .split('\n## ')[0]
      ?.split('\n')
      .filter((line) => line.startsWith('| ')) ?? [];
  return rows.slice(2).map((row) => {
    const cells = row.split('|').map((cell) => cell.replaceAll('`', '').trim());
    const [, state = '', ready = '', kubectl = '', kstatus = '', helm = ''] = cells;
    return { state, ready, kubectl, kstatus, helm };
  });
}
