import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/adapters/telemetry/log.ts';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { StoreError, type TokenRequestError } from '../../src/core/errors.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { FakeTokenEndpoint } from '../fakes/fake-token-endpoint.ts';
import { createWorld, type Started, start, type World } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const planted = secret('quoted-by-a-library');

/** Makes an endpoint with an error of a library that quotes its input. */
class BrokenEndpoint extends FakeTokenEndpoint {
  override async request(): Promise<never> {
    throw new TypeError(`Cannot read ${planted}`, { cause: new Error(`first\n    at ${planted} (/app/a.ts:1:2)`) });
  }
}

/** Everything that leaves the process: events, log, conditions and the last error. */
function outputs({ events, processEvents, only }: Started): string {
  let lines = '';
  const log = createLog(createLogger({ write: (line) => (lines += line) }, 'debug'), createFakeClock());
  const { status, specification, requests } = only().cycle;
  for (const { event } of events) log.token(specification.identity, event);
  for (const event of processEvents) log.process(event);
  const { error } = requests.backingOff;
  const printed = [error, events, processEvents, status.lastError].map((value) => inspect(value, { depth: 20 }));
  return [lines, JSON.stringify(error), ...printed].join('\n');
}

function lastError(started: Started): TokenRequestError | undefined {
  return started.only().cycle.requests.backingOff.error;
}

async function startWith(world: Partial<World>): Promise<Started> {
  return start(createWorld(world));
}

describe('an error inside a token request', () => {
  it('names its class and place, and shows no message', async () => {
    const started = await startWith({ endpoint: new BrokenEndpoint() });
    expect(lastError(started)?.message).toMatch(
      /^The token request failed inside the token-acquirer \(TypeError at .*inner-failures\.test\.ts:\d+:\d+\)\.$/,
    );
    expect(outputs(started)).toContain('token-request-failed');
    expect(outputs(started)).not.toContain(planted);
  });

  it('keeps the frames of each inner error as causes', async () => {
    const error = lastError(await startWith({ endpoint: new BrokenEndpoint() }));
    expect(error?.cause).toMatchObject({ message: 'TypeError', cause: { message: 'Error' } });
    expect((error?.cause as Error | undefined)?.stack).toContain('BrokenEndpoint.request');
  });
});

describe('an error of a store', () => {
  it('is the cause of the error that the status shows, without its message', async () => {
    const world = createWorld();
    world.credentials.read = async () => {
      const cause = new Error(planted);
      throw new StoreError('The credential dynamics cannot be read at the moment.', { cause });
    };
    const started = await start(world);
    expect(lastError(started)).toMatchObject({
      code: 'credential_unavailable',
      cause: { message: 'StoreError', cause: { message: 'InnerError' } },
    });
    expect(outputs(started)).not.toContain(planted);
  });
});
