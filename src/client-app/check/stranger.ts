import type { Redacted } from '../../core/redacted.ts';
import type { Clock } from '../../ports/clock.ts';
import { type CheckedEndpoint, callerIdentity, NO_TOKEN, type ReissueResult } from './endpoint.ts';
import type { Finding } from './finding.ts';
import { askUntilAnswered } from './reissue.ts';
import { whyNotReissued } from './sentences.ts';

export interface StrangerCheck {
  readonly name: string;
  readonly endpoint: CheckedEndpoint;
  readonly caller: Redacted;
  readonly clock: Clock;
}

/** Checks that a caller that is no client of the token gets 403, and a caller without a token gets 401. */
export async function checkStranger(check: StrangerCheck): Promise<Finding[]> {
  const { name, caller } = check;
  const account = callerIdentity(caller)?.account ?? 'of this pod';
  return [
    judge(await askUntilAnswered(check, NO_TOKEN), check, {
      subject: `reissue of ${name} by a stranger`,
      wanted: 403,
      remedy: `The token-acquirer gave it to the ServiceAccount ${account}: take that out of the clients of this token, or run the test as another.`,
    }),
    judge(await askUntilAnswered({ ...check, caller: undefined }, NO_TOKEN), check, {
      subject: `reissue of ${name} by nobody`,
      wanted: 401,
      remedy:
        'The token-acquirer gave it to a call without a ServiceAccount token: see what stands between, and adds one.',
    }),
  ];
}

interface Expected {
  readonly subject: string;
  readonly wanted: number;
  /** What to do where it was given. */
  readonly remedy: string;
}

function judge(result: ReissueResult, check: StrangerCheck, { subject, wanted, remedy }: Expected): Finding {
  if (result.kind === 'refused' && result.status === wanted) {
    return { result: 'passed', subject, sentence: `rejected (${wanted}), as expected.` };
  }
  if (result.kind === 'reissued') return { result: 'failed', subject, sentence: remedy };
  // It was let in, and there was no token to be had.
  if (result.kind === 'refused' && [429, 502, 503].includes(result.status) && result.code !== 'callers_unavailable') {
    return {
      result: 'failed',
      subject,
      sentence: remedy.replace('gave it to', `would have given it (${result.status}) to`),
    };
  }
  const { endpoint, name, caller } = check;
  const why = whyNotReissued(result, { endpoint, name, caller: callerIdentity(caller) });
  return { result: 'failed', subject, sentence: `${wanted} was expected. ${why}` };
}
