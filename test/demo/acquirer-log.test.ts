import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/adapters/telemetry/log.ts';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import type { ProcessEvent, TokenEvent } from '../../src/core/events.ts';
import { sha256 } from '../../src/core/token.ts';
import { readAcquirerLine } from '../../src/demo/acquirer-log.ts';
import type { Happening } from '../../src/demo/demo-event.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { reissueEvent } from '../support/calls.ts';
import { START } from './events.ts';

const IDENTITY = { namespace: 'billing', secret: 'billing-app', name: 'dynamics' };
const FACTS = {
  generation: 1_767_225_600,
  sha256: sha256('a token'),
  issuedAt: START,
  expiresAt: START + 20_000,
  renewAt: START + 13_000,
};
const { sha256: hash, ...times } = FACTS;
const token = { ...times, hash: hash.slice(0, 8) };
const app = 'billing-app';

/** What the demo makes of the line that the token-acquirer's own log writes. */
function read(write: (log: ReturnType<typeof createLog>) => void): Happening | undefined {
  let line = '';
  write(createLog(createLogger({ write: (text) => (line += text) }), createFakeClock({ now: START })));
  return readAcquirerLine(line.trimEnd());
}

describe("the token-acquirer's log, as the demo reads it", () => {
  it.each<[TokenEvent, Happening | undefined]>([
    [
      { kind: 'token-issued', token: FACTS, server: 'corporate', trigger: 'renewal', reason: 'RenewalDue', took: 3 },
      { kind: 'issued', app, token, trigger: 'renewal' },
    ],
    [
      { kind: 'token-issued', token: FACTS, server: 'corporate', trigger: 'reissue', reason: 'TokenRejected', took: 3 },
      { kind: 'issued', app, token, trigger: 'reissue' },
    ],
    [
      { kind: 'token-stored', token: FACTS },
      { kind: 'stored', app, token },
    ],
    [
      { kind: 'token-rescheduled', token: FACTS, message: 'The interval changed.' },
      { kind: 'rescheduled', app, token },
    ],
    [
      {
        kind: 'token-request-failed',
        server: 'corporate',
        code: 'unreachable',
        message: 'No answer.',
        trigger: 'renewal',
        retryIn: 1000,
        took: 3,
      },
      { kind: 'request-failed', app, message: 'No answer.', retryIn: 1000 },
    ],
    [
      { kind: 'suspended', message: 'Not running.' },
      { kind: 'suspended', app },
    ],
    [
      { kind: 'resumed', message: 'Running.' },
      { kind: 'resumed', app },
    ],
    [
      { kind: 'interval-invalid', message: 'No duration.' },
      { kind: 'notice', who: 'token-acquirer', message: 'billing-app: No duration.' },
    ],
    [{ kind: 'token-adopted', token: FACTS }, undefined],
  ])('$kind', (event, expected) => {
    expect(read((log) => log.token(IDENTITY, event))).toEqual(expected);
  });

  it.each<[ProcessEvent, Happening | undefined]>([
    [
      { kind: 'listening', endpoint: 'status', url: 'http://127.0.0.1:1' },
      { kind: 'listening', who: 'token-acquirer', what: 'status', url: 'http://127.0.0.1:1' },
    ],
    [reissueEvent('reissued', { identity: IDENTITY, rejected: hash }), { kind: 'reissue', app, result: 'reissued' }],
    [
      { kind: 'warning', message: 'Mind this.' },
      { kind: 'notice', who: 'token-acquirer', message: 'Mind this.' },
    ],
    [
      { kind: 'configuration-refused', message: 'An error.' },
      { kind: 'notice', who: 'token-acquirer', message: 'An error.' },
    ],
    [{ kind: 'configuration-loaded', tokens: 2, file: 'config.yaml' }, undefined],
    [{ kind: 'stopped' }, undefined],
  ])('$kind', (event, expected) => {
    expect(read((log) => log.process(event))).toEqual(expected);
  });

  it.each([
    ['no JSON', 'Killed'],
    ['JSON that is no object', '17'],
    ['a token of another namespace', '{"event":"suspended","token":"other/billing-app/dynamics"}'],
    ['a token of another name', '{"event":"suspended","token":"billing/billing-app/else"}'],
    ['a token without its facts', '{"event":"token-stored","token":"billing/billing-app/dynamics"}'],
    [
      'times that are none',
      '{"event":"token-stored","token":"billing/billing-app/dynamics","sha256":"a","generation":1,"issued_at":"x","expires_at":"x","renew_at":"x"}',
    ],
    ['no message', '{"level":"info"}'],
  ])('a line with %s is passed over', (_name, line) => {
    expect(readAcquirerLine(line)).toBeUndefined();
  });
});
