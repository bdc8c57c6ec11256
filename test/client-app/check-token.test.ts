import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountedTokenVolume } from '../../src/adapters/fs/mounted-token-volume.ts';
import {
  checkToken,
  type MountedTokens,
  type TokenFound,
  waitForToken,
  waitForTrust,
} from '../../src/client-app/check/token.ts';
import type { Token } from '../../src/core/token.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { AtomicWriter } from '../support/atomic-writer.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { problem, reissued, type ScriptedEndpoint, startScriptedEndpoint } from '../support/scripted-endpoint.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildToken } from '../support/tokens.ts';

const NOON = Date.UTC(2026, 0, 1, 12);
let clock: FakeClock;
let endpoint: ScriptedEndpoint;
let folder: ReturnType<typeof temporaryDirectory>;
let directory: string;
let volume: AtomicWriter;
beforeEach(async () => {
  clock = createFakeClock({ now: NOON + 1000 });
  endpoint = await startScriptedEndpoint();
  folder = temporaryDirectory();
  directory = join(folder.path, 'tokens');
  volume = new AtomicWriter(directory);
});
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await endpoint.stop();
  folder.remove();
});

function mountedAt(): MountedTokens {
  const readText = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  return { directory, volume: mountedTokenVolume(directory), readText };
}

function check(kept: 'in a volume' | 'in memory' = 'in a volume'): Promise<TokenFound> {
  const { caller } = endpoint;
  const mounted = kept === 'in memory' ? undefined : mountedAt();
  return checkToken({
    name: 'dynamics',
    mounted,
    endpoint: endpoint.checked(),
    caller,
    clock,
    patience: 100_000,
  });
}

/** Makes the same fixture with the endpoint of another token-acquirer, whose CA is not in the volume yet. */
async function behindTls() {
  const authority = createCertificateAuthority();
  const secure = await startScriptedEndpoint(authority.issue());
  authority.remove();
  stops.push(() => secure.stop());
  return {
    secure,
    check: (caFile: string) =>
      checkToken({
        name: 'dynamics',
        mounted: mountedAt(),
        caller: secure.caller,
        clock,
        patience: 100_000,
        endpoint: secure.checked({ caFile }),
      }),
  };
}

/** The result of a check that goes on, while time passes in steps. */
async function after<Result>(pending: Promise<Result>): Promise<Result> {
  let done = false;
  void pending.finally(() => (done = true));
  for (let step = 0; !done && step < 2000; step += 1) {
    await clock.advance(250);
    // The endpoint is a real one.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return pending;
}

const mount = (token: Token = buildToken()): void => volume.write(toVolumeData('dynamics', token));

describe('the check of the token', () => {
  it('finds the token in a volume of the kubelet', async () => {
    const token = buildToken({ generation: 5 });
    mount(token);
    const found = await check();
    expect(found.finding).toEqual({
      result: 'passed',
      subject: 'token dynamics',
      sentence: 'in the volume, belongs to its .json, generation 5, valid for another 59m59s.',
    });
    expect(found.token?.sha256).toBe(token.sha256);
    expect(endpoint.seen).toEqual([]);
  });

  it('finds the token in a plain folder', async () => {
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    for (const [file, text] of Object.entries(toVolumeData('dynamics', buildToken())))
      writeFileSync(join(directory, file), text);
    expect((await check()).finding.result).toBe('passed');
  });

  it('waits for the first token', async () => {
    const pending = check();
    await clock.advance(3000);
    mount();
    expect((await after(pending)).finding.result).toBe('passed');
    expect(endpoint.seen).toEqual([]);
  });

  it('requests the token after 5 s, and keeps waiting for the kubelet', async () => {
    endpoint.script(reissued({ outcome: 'newer' }));
    const pending = check();
    await clock.advance(6000);
    await expect.poll(() => endpoint.seen.length).toBe(1);
    await clock.advance(60_000);
    mount();
    expect((await after(pending)).finding.result).toBe('passed');
    expect(endpoint.seen).toHaveLength(1);
  });

  it('keeps waiting for the renewal of an expired token', async () => {
    mount(buildToken({ issuedAt: NOON - 7200_000, expiresAt: NOON }));
    const pending = check();
    await clock.advance(2000);
    mount();
    expect((await after(pending)).finding.result).toBe('passed');
  });

  it('does not wait if no token can be obtained', async () => {
    endpoint.script(problem(502, 'invalid_client'));
    const { finding, token } = await after(check());
    expect([finding.result, finding.sentence, token]).toEqual([
      'failed',
      `There is none in ${directory}: the token-acquirer has stored none yet. See the line on the reissue.`,
      undefined,
    ]);
    expect(clock.monotonic()).toBeLessThan(20_000);
  });

  it('waits 20 s for a token-acquirer that does not exist yet', async () => {
    const found = check();
    await endpoint.stop();
    const { finding } = await after(found);
    expect(finding.sentence).toContain('See the line on the reissue.');
    expect(clock.monotonic()).toBeGreaterThanOrEqual(20_000);
    expect(clock.monotonic()).toBeLessThan(40_000);
  });

  it('waits if the CA comes with the first token, too', async () => {
    const { secure, check: checkIt } = await behindTls();
    secure.script(problem(403));
    const pending = checkIt(join(directory, 'ca.crt'));
    await after(Promise.race([pending, clock.wait(60_000)]));
    mount();
    expect((await after(pending)).finding.result).toBe('passed');
  });

  it('does not wait if the volume has the CA of another token-acquirer', async () => {
    const { check: checkIt } = await behindTls();
    const another = createCertificateAuthority();
    volume.write({ 'ca.crt': another.ca });
    another.remove();
    const { finding } = await after(checkIt(join(directory, 'ca.crt')));
    expect(finding.sentence).toContain('See the line on the reissue.');
    expect(clock.monotonic()).toBeLessThan(20_000);
  });

  it('does not wait for a token-acquirer that rejects the caller', async () => {
    endpoint.script(problem(403));
    expect((await after(check())).finding.sentence).toContain('See the line on the reissue.');
    expect(clock.monotonic()).toBeLessThan(20_000);
  });

  it('does not wait if the token cannot be stored', async () => {
    endpoint.script(reissued({ stored: false }));
    expect((await after(check())).finding.sentence).toContain('See the line on the reissue.');
  });

  it('stops after the configured patience', async () => {
    endpoint.script(reissued());
    const { finding } = await after(check());
    expect(finding.sentence).toBe(
      `There is none in ${directory}: the token-acquirer has stored none yet. It was waited for 1m40s.`,
    );
  });

  it.each<[string, (data: Record<string, string>) => Record<string, string>, string]>([
    [
      'does not match its .json',
      (data) => ({ ...data, dynamics: 'another' }),
      'The key dynamics is not the token that dynamics.json describes. Has anything but the token-acquirer written it?',
    ],
    ['has no .json', ({ dynamics = '' }) => ({ dynamics }), 'The volume has dynamics but no dynamics.json, which says'],
    [
      'has its .json only',
      (data) => ({ 'dynamics.json': data['dynamics.json'] ?? '' }),
      'The volume has dynamics.json but no dynamics: list both keys under items.',
    ],
    ['is not JSON', (data) => ({ ...data, 'dynamics.json': '{' }), 'The key dynamics.json is not JSON.'],
  ])('fails for a token that %s', async (_, change, sentence) => {
    endpoint.script(problem(403));
    volume.write(change({ ...toVolumeData('dynamics', buildToken()) }));
    const { finding } = await after(check());
    expect(finding.result).toBe('failed');
    expect(finding.sentence).toContain(sentence);
  });

  it('fails for a token that expired and is not renewed', async () => {
    endpoint.script(problem(502, 'invalid_grant'));
    mount(buildToken({ issuedAt: NOON - 7200_000, expiresAt: NOON - 60_000 }));
    expect((await after(check())).finding.sentence).toMatch(/^It expired 1m\d+s ago and was not renewed\. See/);
  });

  it('fails for a folder in place of the token', async () => {
    endpoint.script(problem(403));
    mkdirSync(join(directory, 'dynamics.json'));
    expect((await after(check())).finding.sentence).toContain('The key dynamics.json is not a file.');
  });
});

describe('the check of a token that is kept in memory', () => {
  it('gets the token from the token-acquirer', async () => {
    const token = buildToken({ generation: 6 });
    endpoint.script({ body: toVolumeData('token', token)['token.json'] ?? '' });
    const found = await check('in memory');
    expect(found.finding.sentence).toBe('given out by the token-acquirer, generation 6, valid for another 59m59s.');
    expect(endpoint.seen).toMatchObject([
      { method: 'GET', path: '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics', by: 'caller' },
    ]);
  });

  it.each([
    ['rejects the call', problem(403), 'There is none. See the line on the reissue.'],
    ['returns an invalid answer', { body: { access_token: 'x' } }, 'There is none. See the line on the reissue.'],
    [
      'returns an expired token',
      { body: toVolumeData('t', buildToken({ issuedAt: NOON - 9000, expiresAt: NOON }))['t.json'] ?? '' },
      'It expired 1s ago and was not renewed.',
    ],
  ])('fails if the token-acquirer %s', async (_, answer, sentence) => {
    endpoint.script(answer);
    const { finding, token } = await check('in memory');
    expect([finding.result, finding.sentence, token]).toEqual(['failed', sentence, undefined]);
  });
});

describe('the check that only waits for the token', () => {
  const wait = (): Promise<void> =>
    waitForToken({
      name: 'dynamics',
      mounted: mountedAt(),
      endpoint: endpoint.checked(),
      caller: endpoint.caller,
      clock,
      patience: 6000,
    });

  it('does not wait if the token exists', async () => {
    mount();
    await wait();
    expect([clock.monotonic(), endpoint.seen]).toEqual([0, []]);
  });

  it('waits until the token exists', async () => {
    const pending = wait();
    await clock.advance(2000);
    mount();
    await after(pending);
    expect(clock.monotonic()).toBeLessThan(3000);
    expect(endpoint.seen).toEqual([]);
  });

  it.each([
    ['a token', reissued()],
    ['an error', problem(502, 'invalid_client')],
  ])('makes one call in between, and stops without a message after %s', async (_, answer) => {
    endpoint.script(answer);
    await after(wait());
    expect(clock.monotonic()).toBeGreaterThanOrEqual(6000);
    expect(endpoint.seen).toHaveLength(1);
  });

  it('does not wait without a volume', async () => {
    const none = { mounted: undefined, endpoint: endpoint.checked(), caller: endpoint.caller };
    await waitForToken({ name: 'dynamics', ...none, clock, patience: 6000 });
    expect(clock.monotonic()).toBe(0);
  });
});

describe('the check that only waits for the CA of the endpoint', () => {
  it('waits until the certificate can be checked, and requests no token', async () => {
    const authority = createCertificateAuthority();
    const secure = await startScriptedEndpoint(authority.issue());
    stops.push(() => secure.stop());
    secure.script({ status: 404 });
    const caFile = join(folder.path, 'ca.crt');
    const pending = waitForTrust({ endpoint: secure.checked({ caFile }), clock, patience: 60_000 });
    for (let turn = 0; turn < 20 && clock.waiting() === 0; turn += 1) await new Promise((go) => setTimeout(go, 50));
    await clock.advance(2000);
    expect(secure.seen).toEqual([]);
    writeFileSync(caFile, authority.ca);
    authority.remove();
    await after(pending);
    expect(clock.monotonic()).toBeLessThan(60_000);
    expect(secure.seen).toMatchObject([{ method: 'GET', path: '/', by: 'nobody' }]);
  });

  it('stops without a message after the configured patience', async () => {
    const { secure } = await behindTls();
    await after(waitForTrust({ endpoint: secure.checked({ caFile: '/none' }), clock, patience: 6000 }));
    expect(clock.monotonic()).toBeGreaterThanOrEqual(6000);
  });

  it.each(['answers', 'is down'])('does not wait if the endpoint %s', async (state) => {
    if (state === 'is down') await endpoint.stop();
    await waitForTrust({ endpoint: endpoint.checked(), clock, patience: 6000 });
    expect(clock.monotonic()).toBe(0);
  });
});
