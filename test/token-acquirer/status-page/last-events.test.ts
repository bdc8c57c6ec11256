import { describe, expect, it } from 'vitest';
import type { CallFacts, ProcessEvent, ReissueResult, TokenEvent } from '../../../src/core/events.ts';
import { factsOf } from '../../../src/core/events.ts';
import { sha256, type TokenIdentity } from '../../../src/core/token.ts';
import { LastEvents } from '../../../src/token-acquirer/endpoints/status-page/last-events.ts';
import { createFakeClock } from '../../fakes/fake-clock.ts';
import { buildToken } from '../../support/tokens.ts';

const TOKEN: TokenIdentity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
const NAME = 'billing/billing-tokens/dynamics';
const FACTS = { server: 'corporate', took: 5 } as const;
const CALL: CallFacts = { id: 'call-1', remote: '10.0.0.7', caller: 'system:serviceaccount:billing:app', pod: 'uid-1' };

function issued(trigger: 'renewal' | 'reissue'): TokenEvent {
  return { kind: 'token-issued', token: factsOf(buildToken()), reason: 'RenewalDue', trigger, ...FACTS };
}

function reissue(result: ReissueResult): ProcessEvent {
  const rest = { given: true, rejected: sha256('rejected'), current: true };
  return { kind: 'reissue', identity: TOKEN, call: CALL, result, ...rest, ...FACTS };
}

/** The lines that an event gives. */
function linesOf(...events: (TokenEvent | ProcessEvent)[]) {
  const kept = new LastEvents(createFakeClock());
  for (const event of events) {
    if (event.kind === 'reissue' || event.kind === 'evidence' || !('trigger' in event)) {
      kept.process(event as ProcessEvent);
    } else kept.token(TOKEN, event);
  }
  return kept.after(0).map(({ token, text, mood }) => ({ token, text, mood }));
}

describe('the last events of a token', () => {
  it('have a new token, with what it was requested for', () => {
    expect(linesOf(issued('renewal'), issued('reissue'))).toEqual([
      { token: NAME, text: 'A new token was issued.', mood: 'plain' },
      { token: NAME, text: 'A new token was issued by a reissue.', mood: 'plain' },
    ]);
  });

  it('have a failed request with its code', () => {
    const failed: TokenEvent = {
      kind: 'token-request-failed',
      code: 'invalid_scope',
      message: 'Not granted.',
      retryIn: 30_000,
      trigger: 'renewal',
      ...FACTS,
    };
    expect(linesOf(failed)).toEqual([{ token: NAME, text: 'invalid_scope: Not granted.', mood: 'bad' }]);
  });

  it('have the message of other events, and how serious they are', () => {
    const kept = new LastEvents(createFakeClock());
    kept.token(TOKEN, { kind: 'suspended', message: 'No pod matches.' });
    kept.token(TOKEN, { kind: 'store-failed', message: 'The store is unavailable.' });
    kept.token(TOKEN, { kind: 'token-revoked', server: 'corporate' });
    expect(kept.after(0)).toMatchObject([
      { text: 'No pod matches.', mood: 'plain' },
      { text: 'The store is unavailable.', mood: 'bad' },
      { text: 'The replaced token was revoked.', mood: 'plain' },
    ]);
  });

  it('leave out what only follows from another event', () => {
    const kept = new LastEvents(createFakeClock());
    const token = factsOf(buildToken());
    kept.token(TOKEN, { kind: 'token-adopted', token });
    kept.token(TOKEN, { kind: 'token-stored', token });
    kept.token(TOKEN, { kind: 'volume-seen', generation: 1, lag: 5 });
    expect(kept.after(0)).toEqual([]);
  });
});

describe('the last events of the process', () => {
  it('have what a report of a rejected token led to, and never who sent it', () => {
    const lines = linesOf(reissue('reissued'));
    expect(lines).toEqual([
      { token: NAME, text: 'A client reported that the token was rejected. A new token replaced it.', mood: 'good' },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/10\.0\.0\.7|serviceaccount|uid-1|call-1/);
  });

  it('have a report of a log or a gateway', () => {
    const source = { by: 'log', pod: 'billing-app-1', container: 'app' } as const;
    const event: ProcessEvent = { ...reissue('reissued'), kind: 'evidence', source } as ProcessEvent;
    expect(linesOf(event)).toMatchObject([{ text: expect.stringContaining('A log or a gateway reported') }]);
  });

  it('leave out the calls of tests', () => {
    const call = { ...CALL, test: true };
    const tested = { ...reissue('reissued'), call } as ProcessEvent;
    const event = { ...reissue('reissued'), kind: 'evidence', source: { by: 'gateway', call } } as ProcessEvent;
    expect(linesOf(tested, event)).toEqual([]);
  });

  it.each<ReissueResult>([
    'coalesced',
    'newer',
    'rate_limited',
    'stopping',
    'failed',
    'paused',
    'store_unavailable',
    'leader_unavailable',
  ])('leave out calls that led to no new token: %s', (result) => {
    expect(linesOf(reissue(result))).toEqual([]);
  });

  it('have the configuration, and the condition of the process', () => {
    const lines = linesOf(
      { kind: 'configuration-loaded', tokens: 3, file: '/etc/config.yaml' },
      { kind: 'configuration-refused', message: 'config.yaml:3: unknown key.' },
      {
        kind: 'process-recovered',
        condition: 'Elected',
        reason: 'Leading' as never,
        message: 'It leads.',
        secret: undefined,
      },
    );
    expect(lines).toEqual([
      { token: undefined, text: 'The configuration was loaded. Tokens in it: 3.', mood: 'plain' },
      { token: undefined, text: 'config.yaml:3: unknown key.', mood: 'bad' },
      { token: undefined, text: 'It leads.', mood: 'plain' },
    ]);
  });

  it('are not displaced by a flood of rejected calls', () => {
    const kept = new LastEvents(createFakeClock());
    kept.token(TOKEN, { kind: 'resumed', message: 'It runs again.' });
    for (let count = 0; count < 1000; count += 1) {
      kept.process({ kind: 'call-refused', status: 401, path: '/v1', call: CALL });
      for (const result of ['coalesced', 'failed', 'paused'] as const) kept.process(reissue(result));
      kept.process({ kind: 'token-read', identity: TOKEN, call: CALL, result: 'given' });
    }
    expect(kept.after(0)).toMatchObject([{ number: 1, text: 'It runs again.' }]);
  });
});

describe('the events that are kept', () => {
  it('are the last 50, numbered and with their times', async () => {
    const clock = createFakeClock();
    const kept = new LastEvents(clock);
    const begun = clock.now();
    for (let count = 1; count <= 120; count += 1) {
      await clock.advance(1000);
      kept.token(TOKEN, { kind: 'suspended', message: `Event ${count}.` });
    }
    const events = kept.after(0);
    expect(events.map(({ number }) => number)).toEqual(Array.from({ length: 50 }, (_, index) => 71 + index));
    expect(events.at(-1)).toMatchObject({ text: 'Event 120.', at: begun + 120_000 });
    expect(kept.count).toBe(120);
  });

  it('are given from a number on', () => {
    const kept = new LastEvents(createFakeClock());
    for (const message of ['One.', 'Two.', 'Three.']) kept.token(TOKEN, { kind: 'resumed', message });
    expect(kept.after(2).map(({ text }) => text)).toEqual(['Three.']);
    expect(kept.after(3)).toEqual([]);
  });

  it('stay where their token is forgotten', () => {
    const kept = new LastEvents(createFakeClock());
    kept.token(TOKEN, { kind: 'token-withdrawn', message: 'Its keys were removed.' });
    kept.forget();
    expect(kept.after(0)).toHaveLength(1);
  });
});
