import { describe, expect, it } from 'vitest';
import { SecretChoice } from '../../src/adapters/oauth/secret-choice.ts';
import type { Credential } from '../../src/core/credential.ts';
import { type TokenErrorCode, TokenRequestError, type TokenRequestErrorDetails } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';
import { buildCredential } from '../support/token-requests.ts';

const first = secret('first-secret');
const second = secret('second-secret');
const two = buildCredential({ client_id: 'app', client_secret: first, client_secret_next: second });

function failed(code: TokenErrorCode, details: Partial<TokenRequestErrorDetails> = {}): TokenRequestError {
  return new TokenRequestError(code, `The request failed with ${code}.`, { progress: 'answered', ...details });
}
const rejection = failed('invalid_client', { rejectsClient: true });

/** An attempt that waits until the test answers it. */
interface Pending {
  readonly sent: string | undefined;
  readonly answer: (result: string | Error) => void;
}

/** Sends with a choice, and shows the attempts in order. */
class Requests {
  readonly pending: Pending[] = [];
  readonly #choice = new SecretChoice('client_secret_basic');

  start(credential: Credential = two): Promise<string | TokenRequestError> {
    const sending = this.#choice.send(credential, async ({ values }) => {
      const { promise, resolve } = Promise.withResolvers<string | Error>();
      this.pending.push({ sent: values.client_secret?.reveal(), answer: resolve });
      const result = await promise;
      if (typeof result !== 'string') throw result;
      return result;
    });
    return sending.catch((error: unknown) => error as TokenRequestError);
  }

  get sent(): readonly (string | undefined)[] {
    return this.pending.map(({ sent }) => sent);
  }

  /** Answers the attempt of this place, and lets everything that follows from the answer happen. */
  async answer(place: number, result: string | Error): Promise<void> {
    this.pending[place]?.answer(result);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Makes one request, whose attempts are answered with these results. Returns its secrets and its end. */
  async run(results: readonly (string | Error)[], credential = two): Promise<[unknown, readonly unknown[]]> {
    const from = this.pending.length;
    const result = this.start(credential);
    for (const [place, answer] of results.entries()) await this.answer(from + place, answer);
    return [await result, this.sent.slice(from)];
  }
}

describe('a second attempt without a judgment', () => {
  const successor = new Redacted(secret('refresh-token'));

  it.each<[string, Error, Partial<TokenRequestError>]>([
    ['a timeout', failed('timeout', { progress: 'unknown' }), { progress: 'unknown' }],
    ['an unexpected error', new Error('unexpected'), { progress: 'unknown' }],
    [
      'an unusable answer with a successor',
      failed('invalid_response', { progress: 'unknown', refreshToken: successor }),
      { progress: 'unknown', refreshToken: successor },
    ],
    ['an answer that asks for a pause', failed('rate_limited', { retryAfter: 60_000 }), { retryAfter: 60_000 }],
    ['no connection', failed('unreachable', { progress: 'not-sent' }), { progress: 'answered' }],
  ])('keeps the code of the rejection, and the traces of %s', async (_what, error, traces) => {
    const [result] = await new Requests().run([rejection, error]);
    expect(result).toMatchObject({ code: 'invalid_client', message: rejection.message, ...traces });
  });

  it.each<[string, TokenRequestError]>([
    ['a proxy that denies it', failed('proxy_denied')],
    ['an address that is not allowed', failed('refused_address', { progress: 'not-sent' })],
    ['a value that cannot be sent', failed('credential_unreadable', { progress: 'not-sent' })],
  ])('does not count as accepted: %s', async (_what, error) => {
    const requests = new Requests();
    const [result] = await requests.run([rejection, error]);
    expect(result).toMatchObject({ code: 'invalid_client' });
    const [, sent] = await requests.run(['token']);
    expect(sent).toEqual([first]);
  });

  it('is not repeated by each request that waited for it', async () => {
    const requests = new Requests();
    const results = [1, 2, 3, 4].map(() => requests.start());
    for (const place of [0, 1, 2, 3]) await requests.answer(place, rejection);
    await requests.answer(4, failed('timeout', { progress: 'unknown' }));
    const codes = (await Promise.all(results)).map((result) => (result as TokenRequestError).code);
    expect(codes).toEqual(['invalid_client', 'invalid_client', 'invalid_client', 'invalid_client']);
    expect(requests.sent).toEqual([first, first, first, first, second]);
    const [result, sent] = await requests.run([rejection, 'token']);
    expect([result, sent]).toEqual(['token', [first, second]]);
  });
});

describe('a late success', () => {
  it('does not take back that the server has come to reject this secret', async () => {
    const requests = new Requests();
    const late = requests.start();
    await requests.run([rejection, 'token']);
    await requests.answer(0, 'token');
    expect(await late).toBe('token');
    const [, sent] = await requests.run(['token']);
    expect(sent).toEqual([second]);
  });

  it('with earlier values of the credential leaves the order of the new ones', async () => {
    const requests = new Requests();
    const late = requests.start();
    const third = secret('third-secret');
    const changed = buildCredential({ client_id: 'app', client_secret: second, client_secret_next: third });
    await requests.run([rejection, 'token'], changed);
    await requests.answer(0, 'token');
    await late;
    const [, sent] = await requests.run(['token'], changed);
    expect(sent).toEqual([third]);
  });

  it('with earlier values does not keep the new ones from being tried', async () => {
    const requests = new Requests();
    const early = requests.start();
    await requests.answer(0, rejection);
    const third = secret('third-secret');
    const changed = buildCredential({ client_id: 'app', client_secret: first, client_secret_next: third });
    const [result, sent] = await requests.run([rejection, 'token'], changed);
    expect([result, sent]).toEqual(['token', [first, third]]);
    await requests.answer(1, rejection);
    expect(await early).toMatchObject({ code: 'invalid_client' });
    expect((await requests.run(['token'], changed))[1]).toEqual([third]);
  });
});

describe('two equal secrets', () => {
  it('are sent once, also after a success', async () => {
    const requests = new Requests();
    const same = buildCredential({ client_id: 'app', client_secret: first, client_secret_next: first });
    expect((await requests.run(['token'], same))[0]).toBe('token');
    const [result, sent] = await requests.run([rejection], same);
    expect(result).toBe(rejection);
    expect(sent).toEqual([first]);
  });
});

describe('one secret', () => {
  it('is sent once', async () => {
    const one = buildCredential({ client_id: 'app', client_secret: first });
    expect(await new Requests().run([rejection], one)).toEqual([rejection, [first]]);
  });

  it('is the only one for a way to authenticate that takes no second one', async () => {
    const choice = new SecretChoice('none');
    const sent: unknown[] = [];
    const error = await failure(
      choice.send(two, async ({ values }) => {
        sent.push(values.client_secret?.reveal());
        throw rejection;
      }),
    );
    expect([error, sent]).toEqual([rejection, [first]]);
  });
});
