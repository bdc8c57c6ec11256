import type { Acquirer, Acquisition } from '../../token/acquirer.ts';
import { stateOf, tokenReport } from '../status-report.ts';
import type { PageToken } from './page-message.ts';
import { pageToken } from './page-picture.ts';

/** What a row is made of. Each of these is replaced, never changed, so rows of tokens with nothing new are kept. */
interface Made {
  readonly from: readonly unknown[];
  readonly row: PageToken;
}

/** The rows of the tokens of this process. A look at 10,000 tokens of which few changed takes a few milliseconds. */
export class OwnTokens {
  readonly #made = new WeakMap<Acquisition, Made>();

  rowsOf(acquirer: Pick<Acquirer, 'acquisitions'>): PageToken[] {
    return [...acquirer.acquisitions].map((acquisition) => this.#row(acquisition));
  }

  #row(acquisition: Acquisition): PageToken {
    const { held, status } = acquisition.cycle;
    const from = [stateOf(acquisition.cycle), held.token, held.stored, status.lastError, status.conditions];
    const made = this.#made.get(acquisition);
    if (made !== undefined && made.from.every((part, index) => part === from[index])) return made.row;
    const row = pageToken(tokenReport(acquisition));
    this.#made.set(acquisition, { from, row });
    return row;
  }
}
