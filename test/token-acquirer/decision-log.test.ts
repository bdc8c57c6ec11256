import { describe, expect, it } from 'vitest';
import { createDecisionLog } from '../../src/adapters/telemetry/decision-log.ts';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, seconds, start, type World } from '../support/acquirer.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };

type Line = Readonly<Record<string, unknown>>;

/** Returns a world that logs its decisions, and the lines. */
function logging(level: string): { world: World; lines: Line[]; summary(): string[] } {
  const lines: Line[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Line);
  const world = createWorld({ logDecision: createDecisionLog(createLogger({ write }, level)) });
  world.endpoint.script(tokenResponse({ expiresIn: 3600 }), tokenResponse({ expiresIn: 3600 }));
  return {
    world,
    lines,
    summary: () => lines.map((line) => ['about', 'kind', 'reason'].map((field) => line[field]).join(' ')),
  };
}

describe('the log of decisions', () => {
  it('has each decision of a first token in order', async () => {
    const { world, summary } = logging('debug');
    const { clock } = await start(world);
    await clock.advance(seconds(1));
    expect(summary()).toEqual([
      'copy read CopyUnread',
      'copy nothing TokenDoesNotExist',
      'token request-token TokenDoesNotExist',
      'copy nothing RequestedFirst',
      'token requeue NothingDue',
      'copy nothing CopyCurrent',
    ]);
  });

  it('has the subject, kind, reason and delay of each decision', async () => {
    const { world, lines } = logging('debug');
    await start(world);
    expect(lines[0]).toEqual({
      level: 'debug',
      time: expect.any(String),
      token: 'billing/billing-tokens/dynamics',
      about: 'copy',
      kind: 'read',
      reason: 'CopyUnread',
      after_ms: 0,
      because: expect.stringMatching(/^[A-Z].*\.$/),
      event: 'decision',
    });
  });

  it('has no line without a change', async () => {
    const { world, lines } = logging('debug');
    const { clock } = await start(world);
    await clock.advance(seconds(1));
    const before = lines.length;
    await clock.advance(minutes(30));
    expect(lines).toHaveLength(before);
  });

  it('has a repair and a renewal, also if the same decision comes again', async () => {
    const { world, summary } = logging('debug');
    const { clock } = await start(world);
    for (let count = 0; count < 2; count += 1) {
      await clock.advance(minutes(5));
      world.store.edit(SECRET, { dynamics: 'edited' });
    }
    await clock.advance(minutes(40));
    expect(summary().filter((line) => line === 'copy write CopyDiffers')).toHaveLength(2);
    expect(summary()).toContain('token request-token RenewalDue');
  });

  it('has each attempt of a failing request', async () => {
    const { world, summary } = logging('debug');
    const down = new TokenRequestError('server_error', 'The server returned an error.', { progress: 'answered' });
    world.endpoint.script(...Array.from({ length: 5 }, () => down));
    const { clock, only } = await start(world);
    await clock.advance(minutes(82));
    const requests = summary().filter((line) => line.startsWith('token request-token'));
    expect(requests).toHaveLength(world.endpoint.requests.length);
    expect(summary()).toContain('token requeue BackingOff');
    expect(only().cycle.held.isLive()).toBe(true);
  });

  it('is empty at any other level', async () => {
    const { world, lines } = logging('info');
    expect(world.logDecision).toBeUndefined();
    await start(world);
    expect(lines).toEqual([]);
  });
});
