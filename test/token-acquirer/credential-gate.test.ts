import { describe, expect, it } from 'vitest';
import { type TokenErrorCode, TokenRequestError } from '../../src/core/errors.ts';
import { CredentialGate, CredentialWithheld } from '../../src/token-acquirer/token/credential-gate.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';

type Grant = 'client_credentials' | 'password' | 'refresh_token';

interface Asked {
  readonly authorizationServer?: string;
  readonly grant?: Grant;
  readonly fingerprint?: string;
  readonly token?: string;
  readonly proven?: boolean;
}

const clock = createFakeClock();

function gate(gated = new CredentialGate(() => clock.monotonic())) {
  return ({ authorizationServer = 'corporate', grant = 'password', fingerprint = '1', ...sender }: Asked = {}) =>
    gated.enter(
      {
        authorizationServer,
        use: grant,
        rotates: grant === 'refresh_token',
        credential: { name: 'dynamics', values: {}, fingerprint },
      },
      { token: 'one', proven: false, ...sender },
    );
}

function failed(code: TokenErrorCode): TokenRequestError {
  return new TokenRequestError(code, `The server said ${code}.`, { progress: 'answered' });
}

/** The result of a request to the gate: let in, waiting, or the error. */
async function stateOf(entering: Promise<unknown>): Promise<string> {
  const settled = entering.then(
    () => 'let in',
    (error: unknown) => (error instanceof TokenRequestError ? error.code : 'another error'),
  );
  const pending = new Promise<string>((resolve) => setImmediate(() => resolve('waiting')));
  return Promise.race([settled, pending]);
}

describe('a credential that was not tried yet', () => {
  it('is sent by one token, and the others wait for the answer', async () => {
    const enter = gate();
    const report = await enter();
    const others = [enter(), enter()];
    expect(await Promise.all(others.map(stateOf))).toEqual(['waiting', 'waiting']);
    report(undefined);
    expect(await Promise.all(others.map(stateOf))).toEqual(['let in', 'let in']);
  });

  it.each<[string, Asked]>([
    ['another authorization server', { authorizationServer: 'partner' }],
    ['another grant', { grant: 'client_credentials' }],
    ['other values', { fingerprint: '2' }],
  ])('does not block %s', async (_what, other) => {
    const enter = gate();
    await enter();
    expect(await stateOf(enter(other))).toBe('let in');
  });
});

describe('a credential that the authorization server', () => {
  it.each<[TokenErrorCode, Grant]>([
    ['invalid_client', 'client_credentials'],
    ['invalid_client', 'refresh_token'],
    ['unauthorized_client', 'password'],
    ['access_denied', 'client_credentials'],
    ['invalid_grant', 'password'],
    ['invalid_request', 'password'],
  ])('rejects with %s (%s) is sent by no token before the pause is over, then by one', async (code, grant) => {
    const enter = gate();
    const report = await enter({ grant });
    const waiting = enter({ grant });
    report(failed(code));
    expect(await stateOf(waiting)).toBe(code);
    await clock.advance(29_999);
    expect(await stateOf(enter({ grant }))).toBe(code);
    expect(await stateOf(enter({ grant, fingerprint: '2' }))).toBe('let in');
    await clock.advance(1);
    expect(await Promise.all([enter({ grant }), enter({ grant })].map(stateOf))).toEqual(['let in', 'waiting']);
  });

  it('rejects repeatedly is sent less and less often, in the end every 10 min', async () => {
    const enter = gate();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const report = await enter();
      report(failed('invalid_client'));
      const error: unknown = await enter().catch((thrown: unknown) => thrown);
      const pause = error instanceof CredentialWithheld ? error.pause : 0;
      pauses.push(pause / 1000);
      await clock.advance(pause);
    }
    expect(pauses).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });

  it('rejects is tried immediately if someone may have corrected it', async () => {
    const gated = new CredentialGate(() => clock.monotonic());
    const enter = gate(gated);
    const report = await enter();
    report(failed('invalid_client'));
    gated.retry({ authorizationServer: 'corporate', credential: 'another' });
    gated.retry({ authorizationServer: 'partner', credential: 'dynamics' });
    expect(await stateOf(enter())).toBe('invalid_client');
    gated.retry({ authorizationServer: 'corporate', credential: 'dynamics' });
    expect(await stateOf(enter())).toBe('let in');
  });

  it.each<[TokenErrorCode, Grant]>([
    ['invalid_scope', 'client_credentials'],
    ['unsupported_grant_type', 'password'],
    ['invalid_grant', 'refresh_token'],
  ])('accepts, though it answers %s (%s), is sent by all', async (code, grant) => {
    const enter = gate();
    const report = await enter({ grant });
    report(failed(code));
    expect(await Promise.all([enter({ grant }), enter({ grant })].map(stateOf))).toEqual(['let in', 'let in']);
  });

  it.each<TokenErrorCode>(['unreachable', 'timeout', 'server_error'])(
    'does not judge (%s) is tried by the next token',
    async (code) => {
      const enter = gate();
      const report = await enter();
      const [next, last] = [enter(), enter()];
      report(failed(code));
      expect(await Promise.all([next, last].map(stateOf))).toEqual(['let in', 'waiting']);
    },
  );
});

describe('an accepted credential', () => {
  async function accepted() {
    const enter = gate();
    const report = await enter();
    report(undefined);
    return enter;
  }

  it.each<[what: string, first: string, between: boolean, second: string, code: TokenErrorCode, expected: string]>([
    ['one token was rejected twice', 'one', false, 'one', 'invalid_grant', 'let in'],
    ['two tokens were rejected in a row', 'one', false, 'two', 'invalid_grant', 'invalid_grant'],
    ['two were rejected, and one was obtained in between', 'one', true, 'two', 'invalid_grant', 'let in'],
    ['two were rejected for their scope', 'one', false, 'two', 'invalid_scope', 'let in'],
    ['two were rejected as malformed', 'one', false, 'two', 'invalid_request', 'let in'],
  ])('is judged correctly after %s: %s, %s, %s, %s', async (_what, first, between, second, code, expected) => {
    const enter = await accepted();
    const firstReport = await enter({ token: first, proven: true });
    firstReport(failed(code));
    if (between) {
      const report = await enter({ token: 'three' });
      report(undefined);
    }
    const secondReport = await enter({ token: second, proven: true });
    secondReport(failed(code));
    expect(await stateOf(enter({ token: 'three', proven: true }))).toBe(expected);
  });

  it('is tried first by a token with a success, and last by the rejected one, after it counts as rejected', async () => {
    const enter = await accepted();
    for (const token of ['bad', 'worse']) {
      const report = await enter({ token });
      report(failed('invalid_grant'));
    }
    expect(await stateOf(enter({ token: 'good', proven: true }))).toBe('invalid_grant');
    await clock.advance(30_000);
    expect(await stateOf(enter({ token: 'worse' }))).toBe('invalid_grant');
    expect(await stateOf(enter({ token: 'bad' }))).toBe('invalid_grant');
    const report = await enter({ token: 'good', proven: true });
    report(undefined);
    expect(await stateOf(enter({ token: 'bad' }))).toBe('let in');
  });
});

describe('a process with very many credentials', () => {
  it('drops the oldest verdicts, and none of a request in progress', async () => {
    const enter = gate();
    await enter({ fingerprint: 'tried' });
    for (let number = 0; number < 10_001; number += 1) {
      const report = await enter({ fingerprint: `accepted ${number}` });
      report(undefined);
    }
    expect(await stateOf(enter({ fingerprint: 'tried' }))).toBe('waiting');
    expect(await stateOf(enter({ fingerprint: 'accepted 10000' }))).toBe('let in');
  });
});
