import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkClientApp } from '../../src/client-app/check/client-app.ts';
import { lineOf } from '../../src/client-app/check/finding.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { freePort } from '../support/free-port.ts';
import {
  problem,
  type ScriptedAnswer,
  type ScriptedEndpoint,
  startScriptedEndpoint,
} from '../support/scripted-endpoint.ts';

const SELECTED = 'The selector app=billing matches 2 pods in the namespace billing that are Pending or Running.';
const NONE = 'The selector app=billing matches no pods in the namespace billing that are Pending or Running.';
const MISSED = 'The selector app=billing matches no pod in the namespace billing. The pod billing-1 uses the Secret.';

let clock: FakeClock;
let endpoint: ScriptedEndpoint;
beforeEach(async () => {
  clock = createFakeClock();
  endpoint = await startScriptedEndpoint();
});
afterEach(() => endpoint.stop());

interface Given {
  readonly type?: string;
  readonly status?: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

function answered(...conditions: readonly Given[]): ScriptedAnswer {
  const whole = conditions.map((given) => ({
    type: 'SelectorMatches',
    status: 'True',
    reason: 'R',
    message: '',
    ...given,
  }));
  return { body: { selector: 'app=billing', conditions: whole } };
}

async function lineFor(url?: string): Promise<string> {
  let done = false;
  const pending = checkClientApp({
    name: 'dynamics',
    caller: endpoint.caller,
    clock,
    endpoint: endpoint.checked(url === undefined ? {} : { url }),
  }).finally(() => (done = true));
  // The endpoint is a real one, but the pauses use the fake clock.
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (clock.waiting() > 0) await clock.advance(100);
  }
  return lineOf(await pending);
}

describe('the check of the client app', () => {
  it.each<[string, ScriptedAnswer, string]>([
    [
      'passes if the selector matches pods',
      answered({ reason: 'PodsSelected', message: SELECTED }),
      `✔ client app of dynamics: ${SELECTED}`,
    ],
    [
      'fails if the selector misses pods that use the Secret',
      answered({ status: 'False', reason: 'NoPodSelected', message: MISSED }),
      `✘ client app of dynamics: ${MISSED}`,
    ],
    [
      'fails if a pod never sees a new token',
      answered(
        { reason: 'PodsSelected', message: SELECTED },
        { type: 'PodsFollow', status: 'False', message: 'The Secret never changes for container app.' },
      ),
      '✘ client app of dynamics: The Secret never changes for container app.',
    ],
    [
      'fails if the pods cannot be read',
      answered({ type: 'ExecutionStateKnown', status: 'False', message: 'It may not list pods.' }),
      '✘ client app of dynamics: It may not list pods.',
    ],
    [
      'is skipped before the client app runs',
      answered({ reason: 'NoPodRuns', message: NONE }),
      `– client app of dynamics: not tried: ${NONE} Run the test again when the client app runs.`,
    ],
    [
      'is skipped without a selector',
      { body: { conditions: [] } },
      '– client app of dynamics: not tried: the token names no pods of it (clientApp.selector).',
    ],
    [
      'is skipped with a token-acquirer of an earlier version',
      problem(404),
      '– client app of dynamics: not tried: the token-acquirer is of a version that does not report it.',
    ],
    [
      'leaves the reason of a rejected caller to the line on the reissue',
      problem(403),
      '– client app of dynamics: not tried: the token-acquirer did not report it. See the line on the reissue.',
    ],
    [
      'rejects an answer outside the contract',
      { body: { selector: 'app=billing', conditions: [{ type: 7 }] } },
      '– client app of dynamics: not tried: the token-acquirer did not report it. See the line on the reissue.',
    ],
    [
      'prints one line, whatever names the pods have',
      answered({ status: 'False', message: 'The pod a\n✔ b uses it.\u001b[2K' }),
      '✘ client app of dynamics: The pod a ✔ b uses it.\\u001b[2K',
    ],
  ])('%s', async (_sentence, answer, line) => {
    endpoint.script(answer);
    expect(await lineFor()).toBe(line);
    expect(endpoint.seen).toEqual([
      expect.objectContaining({
        method: 'GET',
        by: 'caller',
        path: '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/conditions',
      }),
    ]);
  });

  it.each<[string, ScriptedAnswer]>([
    ['the token-acquirer has judged the pods', answered({ reason: 'PodsNotJudged', message: NONE })],
    ['the token-acquirer has looked at the pods', answered()],
  ])('waits until %s', async (_sentence, early) => {
    endpoint.script(early, early, answered({ status: 'False', reason: 'NoPodSelected', message: MISSED }));
    expect(await lineFor()).toBe(`✘ client app of dynamics: ${MISSED}`);
    expect(endpoint.seen).toHaveLength(3);
  });

  it('waits for 15 s at most', async () => {
    endpoint.script({ body: { selector: 'app=billing', conditions: [] } });
    expect(await lineFor()).toBe(
      '– client app of dynamics: not tried: the token-acquirer has not looked at the pods yet. Run the test again.',
    );
    expect(clock.monotonic()).toBeGreaterThanOrEqual(15_000);
    expect(clock.monotonic()).toBeLessThan(17_000);
  });

  it('leaves a token-acquirer that does not answer to the line on the reissue', async () => {
    expect(await lineFor(`http://127.0.0.1:${await freePort()}`)).toContain('did not report it');
  });
});
