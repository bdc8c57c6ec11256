import { describe, expect, it } from 'vitest';
import { TokenRequestError } from '../../../src/core/errors.ts';
import type { Role } from '../../../src/core/leadership.ts';
import type { TokenResponse } from '../../../src/ports/token-endpoint.ts';
import type { LeaderAnswer, LeaderCalls } from '../../../src/token-acquirer/endpoints/leader-calls.ts';
import { ProcessStatus } from '../../../src/token-acquirer/endpoints/process-status.ts';
import { ReplicaView } from '../../../src/token-acquirer/endpoints/replica-view.ts';
import { OwnTokens } from '../../../src/token-acquirer/endpoints/status-page/own-tokens.ts';
import { pageLook } from '../../../src/token-acquirer/endpoints/status-page/page-look.ts';
import { pageToken } from '../../../src/token-acquirer/endpoints/status-page/page-picture.ts';
import { statusOf } from '../../../src/token-acquirer/endpoints/status-report.ts';
import { tokenResponse } from '../../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, NO_SHARDS, type Started, seconds, start } from '../../support/acquirer.ts';
import { statusReport, tokenReport } from '../../support/status-reports.ts';

const REFUSED = new TokenRequestError('invalid_client', 'The server rejected the client.', { progress: 'answered' });

async function started(...answers: (TokenResponse | TokenRequestError)[]): Promise<Started> {
  const world = createWorld();
  world.endpoint.script(...answers);
  return start(world);
}

/** The rows as they are made anew from the report. */
function expected({ acquirer, clock }: Started) {
  return statusOf(acquirer, true, clock.now()).tokens.map(pageToken);
}

describe('the rows of the tokens of a process', () => {
  it('are those of its status, through renewals and failures', async () => {
    const issued = tokenResponse({ expiresIn: 600 });
    const world = await started(issued, ...Array.from({ length: 100 }, () => REFUSED));
    const own = new OwnTokens();
    const seen = new Set<string>();
    for (let step = 0; step < 60; step += 1) {
      const rows = own.rowsOf(world.acquirer);
      expect(rows).toEqual(expected(world));
      for (const { state } of rows) seen.add(state);
      await world.clock.advance(seconds(30));
    }
    expect([...seen]).toEqual(expect.arrayContaining(['Valid', 'RenewalFailing', 'Expired']));
  });

  it('are the same objects while nothing changes, so that a look costs little', async () => {
    const world = await started(tokenResponse({ expiresIn: 3600 }));
    const own = new OwnTokens();
    const [before] = own.rowsOf(world.acquirer);
    await world.clock.advance(minutes(5));
    expect(own.rowsOf(world.acquirer)[0]).toBe(before);
    await world.clock.advance(minutes(60));
    expect(own.rowsOf(world.acquirer)[0]).not.toBe(before);
  });
});

/** A replica, and how often it asked its leader. */
function replica(role: Role, answer: LeaderAnswer) {
  const asked = { times: 0 };
  const leaderCalls = {
    status: () => {
      asked.times += 1;
      return Promise.resolve(answer);
    },
  } as unknown as LeaderCalls;
  return { asked, view: new ReplicaView({ leadership: { role }, leaderCalls, pod: 'pod-a', shard: 0 }) };
}

async function lookOf(role: Role, answer: LeaderAnswer) {
  const world = await started(tokenResponse({ expiresIn: 3600 }));
  const { asked, view } = replica(role, answer);
  const status = new ProcessStatus(world.clock);
  status.notReady = undefined;
  return { world, asked, look: pageLook({ ...world, status, shards: NO_SHARDS, replica: view }) };
}

describe('what a replica shows', () => {
  const theirs = tokenReport('billing/other/x');
  const answer = { pod: 'pod-b', status: 200, body: JSON.stringify(statusReport([theirs])) };

  it('is its own tokens where it leads, without a call', async () => {
    const { world, look, asked } = await lookOf('leading', answer);
    const picture = await look();
    expect(picture.tokens).toEqual(expected(world));
    expect(picture.process.leader).toEqual(['Leader: pod pod-a']);
    expect(asked.times).toBe(0);
  });

  it('is what the leader reports where it does not lead', async () => {
    const { look } = await lookOf('following', answer);
    const picture = await look();
    expect(picture.tokens).toEqual([pageToken(theirs)]);
    expect(picture.process.leader).toEqual(['Leader: pod pod-b']);
  });

  it('is what it knows, and why, where the leader does not answer', async () => {
    const { world, look } = await lookOf('following', { unanswered: 'The leader pod-b does not answer: timeout.' });
    const picture = await look();
    expect(picture.tokens.map(({ id }) => id)).toEqual(expected(world).map(({ id }) => id));
    expect(picture.process.leader).toEqual([
      'The leader cannot be asked. This is what the pod pod-a knows, which does not lead',
      'The leader pod-b does not answer: timeout.',
    ]);
  });

  it('is asked for once by pages that look together', async () => {
    const { look, asked } = await lookOf('following', answer);
    await Promise.all([look(), look(), look()]);
    expect(asked.times).toBe(1);
  });
});
