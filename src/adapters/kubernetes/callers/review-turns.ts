import type { Clock } from '../../../ports/clock.ts';
import { createTurns, type Turns } from '../api/turns.ts';

/** For tokens that the cluster signed: as many as there may be connections, when all pods of an app come together. */
const SIGNED = { atOnce: 16, waiting: 4000, patience: 5000 };
/** For tokens whose signature cannot be checked here: nobody knows yet whether they are more than noise. */
const DOUBTFUL = { atOnce: 4, waiting: 100, patience: 2000 };
/** For tokens whose names are in no `clients`: the answer is no in any case, so clients do not wait for their checks. */
const STRANGERS = { atOnce: 4, waiting: 4000, patience: 5000 };
/** For those of them whose signature cannot be checked here. */
const DOUBTFUL_STRANGERS = { atOnce: 1, waiting: 10, patience: 2000 };

/** Whose checks wait for whom: clients never wait for strangers, nor signed tokens for doubtful ones. */
export interface ReviewTurns {
  readonly signed: Turns;
  readonly doubtful: Turns;
  readonly strangers: Turns;
  readonly doubtfulStrangers: Turns;
}

export function createReviewTurns(clock: Pick<Clock, 'wait'>): ReviewTurns {
  const turns = ({ atOnce, ...limit }: typeof SIGNED): Turns => createTurns(atOnce, { clock, ...limit });
  return {
    signed: turns(SIGNED),
    doubtful: turns(DOUBTFUL),
    strangers: turns(STRANGERS),
    doubtfulStrangers: turns(DOUBTFUL_STRANGERS),
  };
}
