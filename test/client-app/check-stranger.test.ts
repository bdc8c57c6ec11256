import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lineOf } from '../../src/client-app/check/finding.ts';
import { checkStranger } from '../../src/client-app/check/stranger.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import {
  problem,
  reissued,
  type ScriptedAnswer,
  type ScriptedEndpoint,
  startScriptedEndpoint,
} from '../support/scripted-endpoint.ts';
import { secret } from '../support/secrets.ts';

let endpoint: ScriptedEndpoint;
beforeEach(async () => {
  endpoint = await startScriptedEndpoint();
});
afterEach(() => endpoint.stop());

async function linesFor(stranger: ScriptedAnswer, nobody: ScriptedAnswer): Promise<string[]> {
  endpoint.script(stranger, nobody);
  const findings = await checkStranger({
    name: 'dynamics',
    endpoint: endpoint.checked(),
    caller: endpoint.caller,
    clock: createFakeClock(),
  });
  return findings.map(lineOf);
}

const [REFUSED, UNKNOWN] = [problem(403), problem(401)];
const STRANGER = '✘ reissue of dynamics by a stranger: ';
const NOBODY = '✘ reissue of dynamics by nobody: ';

describe('the check as a stranger', () => {
  it('passes if the token-acquirer rejects it, with its own token and without one', async () => {
    expect(await linesFor(REFUSED, UNKNOWN)).toEqual([
      '✔ reissue of dynamics by a stranger: rejected (403), as expected.',
      '✔ reissue of dynamics by nobody: rejected (401), as expected.',
    ]);
    const path = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue';
    expect(endpoint.seen).toMatchObject([
      { by: 'caller', method: 'POST', path },
      { by: 'nobody', method: 'POST', path },
    ]);
  });

  it.each<[string, ScriptedAnswer, string]>([
    [
      'gets a token',
      reissued({ access_token: secret('given-away') }),
      'The token-acquirer gave it to the ServiceAccount billing/billing-app: take that out of the clients of this token, or run the test as another.',
    ],
    [
      'would get a token, if one existed',
      problem(502, 'invalid_client'),
      'The token-acquirer would have given it (502) to the ServiceAccount billing/billing-app: take that out',
    ],
    ['only has to wait', problem(429, 'paused', 1), 'The token-acquirer would have given it (429) to'],
    [
      'is unknown',
      problem(401),
      "403 was expected. The token-acquirer does not know this pod's ServiceAccount token (401).",
    ],
    [
      'cannot be identified',
      problem(503, 'callers_unavailable'),
      '403 was expected. The token-acquirer cannot identify callers at the API server (503)',
    ],
    ['gets another answer', { status: 404 }, '403 was expected. The token-acquirer at 127.0.0.1:'],
  ])('fails if the stranger %s', async (_, answer, sentence) => {
    const [stranger = '', nobody] = await linesFor(answer, UNKNOWN);
    expect(stranger).toContain(STRANGER + sentence);
    expect(nobody).toMatch(/^✔/);
  });

  it.each<[string, ScriptedAnswer, string]>([
    ['gets a token', reissued(), 'The token-acquirer gave it to a call without a ServiceAccount token'],
    ['is rejected as a known caller', problem(403), '401 was expected. The token-acquirer rejects this pod (403)'],
  ])('fails if a call without a token %s', async (_, answer, sentence) => {
    const [stranger, nobody = ''] = await linesFor(REFUSED, answer);
    expect(nobody).toContain(NOBODY + sentence);
    expect(stranger).toMatch(/^✔/);
  });

  it('reports a token-acquirer that does not answer for 10 s', async () => {
    const { stop, caller } = endpoint;
    const clock = createFakeClock();
    const checked = endpoint.checked();
    await stop();
    let done = false;
    const pending = checkStranger({ name: 'dynamics', endpoint: checked, caller, clock }).finally(() => (done = true));
    while (!done) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (clock.waiting() > 0) await clock.advance(500);
    }
    expect((await pending).map(lineOf)).toEqual([
      expect.stringContaining(`${STRANGER}403 was expected. The token-acquirer is down`),
      expect.stringContaining(`${NOBODY}401 was expected. The token-acquirer is down`),
    ]);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(20_000);
  });
});
