import type { CallFacts, ReissueEvent, ReissueResult } from '../../src/core/events.ts';

/** A call of the reissue endpoint, as an event has it. */
export function callFacts(given: Partial<CallFacts> = {}): CallFacts {
  return { id: 'e5a1', remote: '10.0.0.7', caller: 'billing-app', pod: undefined, ...given };
}

export function reissueEvent(
  result: ReissueResult,
  given: Partial<ReissueEvent> & Pick<ReissueEvent, 'identity'>,
): ReissueEvent {
  const rejected = 'cd'.repeat(32);
  const facts = { server: 'corporate', call: callFacts(), given: true, rejected, current: true, took: 3 };
  return { kind: 'reissue', result, ...facts, ...given };
}
