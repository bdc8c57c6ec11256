import { afterEach, describe, expect, it } from 'vitest';
import { ReissueError } from '../../src/core/errors.ts';
import { type Ms, sha256, type Token } from '../../src/core/token.ts';
import type { ReissueAnswer, Reissuer } from '../../src/ports/reissuer.ts';
import { failure } from '../support/failure.ts';

export interface ReissuerUnderTest {
  readonly reissuer: Reissuer;
  /** The name of a token that may be asked for. */
  readonly name: string;
  /** The current token of that name. */
  current(): Token;
  /** What answers tell of the life that is left. */
  readonly expiresIn: Ms;
  /** From now on answers carry only the generation. */
  respondWithGeneration(): void;
  /** From now on every call is rejected so, until `undefined`. */
  refuse(status: number, retryAfter?: number): void;
  /** From now on nobody answers. */
  vanish(): Promise<void>;
  stop(): Promise<void>;
}

/** What every reissuer does. */
export function describeReissuer(title: string, make: () => Promise<ReissuerUnderTest>): void {
  describe(`${title}, as a reissuer`, () => {
    let parts: ReissuerUnderTest | undefined;
    afterEach(async () => {
      await parts?.stop();
      parts = undefined;
    });
    const start = async (): Promise<ReissuerUnderTest> => (parts = await make());
    describeAnswers(start);
    describeRefusals(start);
  });
}

function describeAnswers(start: () => Promise<ReissuerUnderTest>): void {
  it('gives a successor of the current token when that is rejected', async () => {
    const { reissuer, name, current } = await start();
    const rejected = current();
    const answer = await reissuer.reissue(name, rejected.sha256);
    const successor = current();
    expect(successor.sha256).not.toBe(rejected.sha256);
    expect(answer).toMatchObject({ outcome: 'reissued', stored: true, generation: successor.generation });
    expect([answer.issuedAt, answer.expiresAt]).toEqual([successor.issuedAt, successor.expiresAt]);
    expect(hashOf(answer)).toBe(successor.sha256);
  });

  it('makes one successor for many callers with the same rejected token', async () => {
    const { reissuer, name, current } = await start();
    const rejected = current().sha256;
    const answers = await Promise.all(Array.from({ length: 20 }, async () => reissuer.reissue(name, rejected)));
    expect(new Set(answers.map(hashOf))).toEqual(new Set([current().sha256]));
    expect(answers.filter(({ outcome }) => outcome === 'reissued')).toHaveLength(1);
  });

  it('makes none for a token that is not the current one: that is newer', async () => {
    const { reissuer, name, current } = await start();
    const old = current().sha256;
    await reissuer.reissue(name, old);
    const second = current().sha256;
    expect(await reissuer.reissue(name, old)).toMatchObject({ outcome: 'newer' });
    expect(current().sha256).toBe(second);
  });

  it('gives the current token also for a rejected one that nobody remembers', async () => {
    const { reissuer, name, current } = await start();
    const answer = await reissuer.reissue(name, sha256('missed many renewals'));
    expect(answer.outcome).toBe('newer');
    expect(hashOf(answer)).toBe(current().sha256);
  });

  it('says how long the token will last, whatever the clocks say', async () => {
    const { reissuer, name, current, expiresIn } = await start();
    expect((await reissuer.reissue(name, current().sha256)).expiresIn).toBe(expiresIn);
    expect((await reissuer.current(name)).expiresIn).toBe(expiresIn);
  });

  it('gives only the generation where it is made so', async () => {
    const { reissuer, name, current, respondWithGeneration } = await start();
    respondWithGeneration();
    const answer = await reissuer.reissue(name, current().sha256);
    expect(answer.accessToken).toBeUndefined();
    expect(answer.generation).toBe(current().generation);
  });

  it('gives the current token with all that is known of it', async () => {
    const { reissuer, name, current } = await start();
    const { accessToken, ...known } = current();
    const { accessToken: given, expiresIn: _, ...told } = await reissuer.current(name);
    expect(told).toEqual(known);
    expect(given.reveal() === accessToken.reveal()).toBe(true);
  });
}

function describeRefusals(start: () => Promise<ReissuerUnderTest>): void {
  it.each([
    ['reports a rejection with its status', 502, undefined],
    ['says when to call again', 429, 7000],
    ['says when to call again after an outage', 503, 2000],
  ])('%s', async (_, status, retryAfter) => {
    const { reissuer, name, current, refuse } = await start();
    refuse(status, retryAfter);
    for (const call of [reissuer.reissue(name, current().sha256), reissuer.current(name)]) {
      const error = await failure(call);
      expect(error).toBeInstanceOf(ReissueError);
      expect(error).toMatchObject({ status, retryAfter });
    }
  });

  it('rejects a token that is not the caller’s own like one that does not exist', async () => {
    const { reissuer, current } = await start();
    const rejected = current().sha256;
    expect(await failure(reissuer.reissue('another', rejected))).toMatchObject({ status: 403 });
    expect(await failure(reissuer.current('another'))).toMatchObject({ status: 403 });
  });

  it('has no status where nobody answers', async () => {
    const { reissuer, name, current, vanish } = await start();
    await vanish();
    const error = await failure(reissuer.reissue(name, current().sha256));
    expect(error).toBeInstanceOf(ReissueError);
    expect(error).toMatchObject({ status: undefined, retryAfter: undefined });
  });
}

function hashOf({ accessToken }: ReissueAnswer): string | undefined {
  return accessToken && sha256(accessToken.reveal());
}
