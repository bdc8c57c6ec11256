import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callerIdentity } from '../../src/client-app/check/endpoint.ts';
import { checkReissue, type ReissueFound } from '../../src/client-app/check/reissue.ts';
import { whyUnreached } from '../../src/client-app/check/sentences.ts';
import { TOKEN_ERRORS } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256, type Token } from '../../src/core/token.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import {
  problem,
  reissued,
  type ScriptedAnswer,
  type ScriptedEndpoint,
  serviceAccountToken,
  startScriptedEndpoint,
} from '../support/scripted-endpoint.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildToken } from '../support/tokens.ts';

let clock: FakeClock;
let endpoint: ScriptedEndpoint;
beforeEach(async () => {
  clock = createFakeClock();
  endpoint = await startScriptedEndpoint();
});
afterEach(() => endpoint.stop());

interface Given {
  readonly token?: Token | undefined;
  readonly caller?: Redacted;
  readonly url?: string;
  readonly caFile?: string;
  readonly kept?: boolean;
}

async function check(given: Given = {}): Promise<ReissueFound> {
  const { token = buildToken(), caller = endpoint.caller, kept = true, ...settings } = given;
  let done = false;
  const pending = checkReissue({
    name: 'dynamics',
    token: 'token' in given ? given.token : token,
    kept,
    caller,
    clock,
    endpoint: endpoint.checked(settings),
  }).finally(() => (done = true));
  // The endpoint is a real one, but the pauses use the fake clock.
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (clock.waiting() > 0) await clock.advance(100);
  }
  return pending;
}

async function sentenceFor(...answers: ScriptedAnswer[]): Promise<string> {
  endpoint.script(...answers);
  const { finding } = await check();
  expect([finding.result, finding.subject]).toEqual(['failed', 'reissue of dynamics']);
  return finding.sentence;
}

describe('the check of the reissue', () => {
  it('reports the current token as rejected, and takes the newer one', async () => {
    const accessToken = secret('reissued-token');
    endpoint.script(reissued({ access_token: accessToken }));
    const token = buildToken();
    const found = await check({ token });
    expect(found.finding).toEqual({
      result: 'passed',
      subject: 'reissue of dynamics',
      sentence: 'reissued as generation 7, and stored.',
    });
    expect(found.accessToken?.reveal() === accessToken).toBe(true);
    expect(endpoint.seen).toEqual([
      {
        method: 'POST',
        by: 'caller',
        path: '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue',
        body: JSON.stringify({ rejected_sha256: token.sha256, error: 'invalid_token' }),
        test: 'true',
      },
    ]);
  });

  it('passes without the token if the answer has the generation only', async () => {
    endpoint.script(reissued({ outcome: 'coalesced' }));
    const { finding, accessToken } = await check();
    expect([finding.result, finding.sentence, accessToken]).toEqual([
      'passed',
      'coalesced as generation 7, and stored.',
      undefined,
    ]);
  });

  it('passes with an outcome of a later version', async () => {
    endpoint.script(reissued({ outcome: 'done' }));
    const { finding } = await check();
    expect([finding.result, finding.sentence]).toEqual(['passed', 'newer as generation 7, and stored.']);
  });

  it('passes with a token that is not stored if the client keeps it in memory', async () => {
    endpoint.script(reissued({ stored: false }));
    const { finding } = await check({ kept: false });
    expect([finding.result, finding.sentence]).toEqual(['passed', 'reissued as generation 7.']);
  });

  it('repeats the call for the returned token if the volume was behind', async () => {
    const newer = secret('newer-token');
    endpoint.script(reissued({ outcome: 'newer', access_token: newer }), reissued({ generation: 8 }));
    expect((await check()).finding.sentence).toBe('reissued as generation 8, and stored.');
    expect(endpoint.seen.map(({ body }) => (JSON.parse(body) as object) ?? {})).toMatchObject([
      {},
      { rejected_sha256: sha256(newer) },
    ]);
  });

  it('requests a first token if none exists', async () => {
    endpoint.script(reissued({ generation: 1 }));
    expect((await check({ token: undefined })).finding.result).toBe('passed');
    expect(endpoint.seen[0]?.body).toContain(sha256(''));
  });

  it.each([429, 503])('waits once for the Retry-After of a %i', async (status) => {
    endpoint.script(problem(status, 'paused', 2), reissued());
    expect((await check()).finding.result).toBe('passed');
    expect(clock.monotonic()).toBeGreaterThanOrEqual(2000);
    expect(endpoint.seen).toHaveLength(2);
  });

  it('does not wait twice, or for minutes', async () => {
    endpoint.script(problem(429, 'paused', 2));
    expect((await check()).finding.sentence).toBe(
      'The token-acquirer limits calls (429, paused): run the test again in 2 s.',
    );
    expect(endpoint.seen).toHaveLength(2);
    endpoint.script(problem(429, 'rate_limited', 300));
    expect((await check()).finding.sentence).toContain('(429, rate_limited): run the test again in 300 s.');
    expect(endpoint.seen).toHaveLength(3);
  });

  it('accepts the held token from a server that renews near expiry', async () => {
    endpoint.script(problem(502, 'same_token', 60));
    expect((await check()).finding).toMatchObject({
      result: 'passed',
      sentence: expect.stringContaining('took the credential'),
    });
  });

  it('waits 10 s for a token-acquirer that just starts', async () => {
    const port = await freePort();
    const pending = check({ url: `http://127.0.0.1:${port}` });
    await clock.advance(1000);
    expect((await pending).finding.sentence).toContain('nothing listens');
    expect(clock.monotonic()).toBeGreaterThanOrEqual(10_000);
  });
});

describe('the failed check of the reissue', () => {
  it.each<[string, ScriptedAnswer, string]>([
    [
      'reports a token that is not stored',
      reissued({ stored: false }),
      "A new token was obtained but not stored in the Secret billing/billing-tokens: check whether the Secret exists, and whether the token-acquirer's Role and RoleBinding in the namespace billing still allow get and patch on it.",
    ],
    [
      'reports a failed write to the store after an answer with the generation only',
      problem(503, 'store_unavailable'),
      'A new token was obtained but not stored in the Secret billing/billing-tokens',
    ],
    [
      'reports a generation that is not newer',
      reissued({ generation: 1 }),
      'It was answered with generation 1, and 1 is here: see whether two token-acquirers write dynamics.',
    ],
    [
      'reports an unknown caller',
      problem(401),
      "The token-acquirer does not know this pod's ServiceAccount token (401). It is for the audience token-acquirer, and must be for the one in the token-acquirer's configuration (audience)",
    ],
    [
      'reports a caller that is not a client',
      problem(403),
      "The token-acquirer rejects this pod (403): the ServiceAccount billing/billing-app is not among the clients of billing/billing-tokens/dynamics, or there is no such token. Name it under that token's clients",
    ],
    [
      'reports that callers cannot be identified',
      problem(503, 'callers_unavailable'),
      'The token-acquirer cannot identify callers at the API server (503): check whether it may still create tokenreviews',
    ],
    [
      'reports a token-acquirer that is stopping',
      problem(503, 'stopping'),
      'The token-acquirer is stopping, or dynamics was just removed from the configuration (503)',
    ],
    [
      'reports a token-acquirer without a token',
      problem(503),
      'The token-acquirer has no valid token dynamics at the moment (503)',
    ],
    [
      'reports an unknown error code',
      problem(502, 'odd_code'),
      ": odd_code. The token-acquirer's status and log say more.",
    ],
    [
      'reports an answer of a proxy',
      { status: 502, body: '<html>' },
      'from the authorization server (502): see its log.',
    ],
    ['reports an internal error', problem(500), 'answered 500: check its log, and whether it has the same version.'],
    ['reports a redirect', { status: 302, headers: { location: '/' } }, 'answered 302: check its log'],
  ])('%s', async (_, answer, sentence) => {
    expect(await sentenceFor(answer)).toContain(sentence);
  });

  it.each(Object.keys(TOKEN_ERRORS).filter((code) => code !== 'same_token'))(
    'reports the answer %s of the authorization server',
    async (code) => {
      const [, advice] = (await sentenceFor(problem(502, code, 60))).split(
        `The token-acquirer got no token from the authorization server: ${code}. `,
      );
      expect(advice).toMatch(/^[A-Z].{20,}\.$/);
    },
  );

  it('reports a credential that the authorization server rejects', async () => {
    expect(await sentenceFor(problem(502, 'invalid_client', 30))).toContain(
      ': invalid_client. It rejected the client: correct the client ID, and its secret or key, in the credential.',
    );
  });

  it.each<[string, object | string]>([
    ['is not JSON', 'hello'],
    ['is not an object', '7'],
    ['has no outcome', { stored: true, generation: 1 }],
    ['does not say whether it is stored', { outcome: 'reissued', generation: 1 }],
    ['has no generation', { outcome: 'reissued', stored: true }],
    ['has an invalid token', { outcome: 'reissued', stored: true, generation: 9, access_token: 'a b' }],
  ])('reports that the answer %s', async (_, body) => {
    expect(await sentenceFor({ body })).toMatch(/is not a token-acquirer, or one of another version/);
  });

  it('quotes no secret', async () => {
    const leaked = secret('in-an-answer');
    for (const status of [200, 400, 401, 403, 502, 503]) {
      const sentence = await sentenceFor({ status, body: { code: leaked, detail: leaked, access_token: leaked } });
      expect(sentence.includes(leaked)).toBe(false);
    }
  });
});

describe('the caller', () => {
  it('is named by its account and audience', () => {
    expect(callerIdentity(new Redacted(serviceAccountToken('shipping-app', 'another')))).toEqual({
      account: 'billing/shipping-app',
      audience: 'another',
    });
  });

  it.each([
    ['not a JWT', 'opaque'],
    ['not JSON', 'a.b.c'],
    ['of a person', `a.${Buffer.from('{"sub":"jane","aud":"x"}').toString('base64url')}.c`],
  ])('has no name for a token that is %s', async (_, text) => {
    expect(callerIdentity(new Redacted(text))).toBeUndefined();
    endpoint.script(problem(403));
    const { finding } = await check({ caller: new Redacted(text) });
    expect(finding.sentence).toContain('its ServiceAccount is not among the clients');
  });
});

describe('the token-acquirer’s certificate', () => {
  let authority: CertificateAuthority;
  let secure: ScriptedEndpoint;
  let folder: ReturnType<typeof temporaryDirectory>;
  beforeAll(async () => {
    authority = createCertificateAuthority();
    secure = await startScriptedEndpoint(authority.issue());
    folder = temporaryDirectory();
    secure.script(reissued());
  });
  afterAll(async () => {
    await secure.stop();
    authority.remove();
    folder.remove();
  });
  const at = (): string => join(folder.path, 'ca.crt');

  it('is trusted by the ca.crt of the volume', async () => {
    writeFileSync(at(), authority.ca);
    expect((await check({ url: secure.url, caFile: at() })).finding.result).toBe('passed');
  });

  it('is not trusted by the ca.crt of another volume', async () => {
    const other = createCertificateAuthority();
    writeFileSync(at(), other.ca);
    other.remove();
    const { finding } = await check({ url: secure.url, caFile: at() });
    expect(finding.sentence).toContain(`is not trusted by ${at()} (`);
    expect(finding.sentence).toContain('the volume may need 90 s to follow');
  });

  it('is reported with the Service whose log has the details', () => {
    const settings = { ...endpoint.settings, url: 'https://acquirer.tokens.svc:8443', caFile: '/none' };
    const unreached = { kind: 'unreached', why: 'untrusted', code: 'SELF_SIGNED_CERT_IN_CHAIN' } as const;
    const sentence = whyUnreached(unreached, endpoint.checked(settings));
    expect(sentence).toContain('only its log shows why: kubectl -n tokens logs deployment/acquirer.');
  });

  it('is checked with public CAs if the volume has no ca.crt', async () => {
    rmSync(at(), { force: true });
    const { finding } = await check({ url: secure.url, caFile: at() });
    expect(finding.sentence).toContain(`${at()} does not exist yet. The token-acquirer stores it with the first token`);
  });
});

describe('the sentence on an unreachable token-acquirer', () => {
  it.each<[string, () => Promise<string>, string]>([
    [
      'names the address where nothing listens',
      async () => `http://127.0.0.1:${await freePort()}`,
      'The token-acquirer is down: nothing listens at 127.0.0.1:',
    ],
    [
      'names a host that is unknown',
      async () => 'https://token-acquirer.invalid:8443',
      'The name token-acquirer.invalid:8443 is not known (',
    ],
  ])('%s', async (_, url, sentence) => {
    expect((await check({ url: await url() })).finding.sentence).toContain(sentence);
  });
});
