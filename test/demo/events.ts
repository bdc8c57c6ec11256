import type { DemoEvent, DemoToken, Happening } from '../../src/demo/demo-event.ts';

// Builders of what the demo sees.

/** When every story here begins. */
export const START = Date.UTC(2026, 0, 1);

const LIFETIME = 20_000;
const RENEWAL = 13_000;

/** The `count`th token of an app, issued this long after the start. */
export function token(count: number, issuedAfter: number, change: Partial<DemoToken> = {}): DemoToken {
  const issuedAt = START + issuedAfter;
  return {
    hash: String(count).padStart(8, '0'),
    generation: START / 1000 + count,
    issuedAt,
    expiresAt: issuedAt + LIFETIME,
    renewAt: issuedAt + RENEWAL,
    ...change,
  };
}

/** An event so many milliseconds after the start. */
export function at(after: number, happening: Happening): DemoEvent {
  return { ...happening, at: START + after };
}

export function issuedAndStored(
  app: string,
  made: DemoToken,
  trigger: 'renewal' | 'reissue' = 'renewal',
  after: number = made.issuedAt - START,
): DemoEvent[] {
  return [
    at(after, { kind: 'token-requested', app, letThrough: true }),
    at(after, { kind: 'issued', app, token: made, trigger }),
    at(after, { kind: 'stored', app, token: made }),
  ];
}

/** One successful call a second, from included, to excluded; with what the gateway thought of its token. */
export function callsOk(app: string, hash: string, from: number, to: number): DemoEvent[] {
  const events: DemoEvent[] = [];
  for (let after = from; after < to; after += 1000) {
    events.push(at(after, { kind: 'verdict', hash, status: 200 }));
    events.push(at(after, { kind: 'call', app, ok: true, outcome: '200' }));
  }
  return events;
}

export function callFailed(app: string, after: number, outcome = '401'): DemoEvent {
  return at(after, { kind: 'call', app, ok: false, outcome });
}

/** In the order of their times, as a ledger has them. */
export function inOrder(...events: readonly (DemoEvent | readonly DemoEvent[])[]): DemoEvent[] {
  return events.flat().sort((one, other) => one.at - other.at);
}
