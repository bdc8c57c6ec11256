import { afterEach, describe, expect, it, vi } from 'vitest';
import { newToken } from '../support/scripted-token-server.ts';
import { until } from '../support/until.ts';
import { command } from './acquirer-process.ts';
import { type Answer, ReplicaPair, TOKEN_PATH } from './replica-pair.ts';

vi.setConfig({ testTimeout: 600_000 });

let pair: ReplicaPair | undefined;
afterEach(async () => {
  await pair?.stop();
  pair = undefined;
});

/** Sends so many calls about the current token, to both replicas in turn. A broken connection counts as status 0. */
async function herd(running: ReplicaPair, count: number, to = [0, 1]): Promise<Answer[]> {
  const rejected = running.stored()?.sha256 ?? '';
  const none: Answer = { status: 0, headers: {}, body: {}, took: 0 };
  return Promise.all(
    Array.from({ length: count }, (_, index) =>
      running.reissue(to[index % to.length] ?? 0, rejected).catch(() => none),
    ),
  );
}

function outcomes(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const name = JSON.stringify(body['outcome'] ?? body['code'] ?? status);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('two replicas', () => {
  it('make one token request for 1,000 concurrent reports at both of them', async () => {
    pair = await ReplicaPair.start();
    expect(pair.server.times).toHaveLength(1);
    const answers = await herd(pair, 1000);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(pair.server.times).toHaveLength(2);
    expect(outcomes(answers)['"reissued"']).toBe(1);
    expect(pair.at(1).process.count('token-issued')).toBe(0);
  });
});

describe('a leader that is killed', () => {
  it('costs at most one more token request for 1,000 concurrent reports', async () => {
    let release: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      release = resolve;
    });
    pair = await ReplicaPair.start({}, (request) => {
      if (request === 1) release();
      return { body: newToken(3600), delay: request === 1 ? 300 : 0 };
    });
    const { sha256 } = pair.stored() ?? {};
    const calls = herd(pair, 1000);
    await isAsked;
    pair.at(0).process.child.kill('SIGKILL');
    const answers = await calls;
    const atFollower = answers.filter((_, index) => index % 2 === 1);
    expect(outcomes(atFollower)).not.toHaveProperty('0');
    expect(new Set(atFollower.map(({ status }) => status))).toEqual(new Set([200]));
    // The first one was for the first token.
    expect(pair.server.times.length - 1).toBeLessThanOrEqual(2);
    expect(pair.stored()?.sha256).not.toBe(sha256);
    // Those that asked the leader ask again, as clients do, about the token that they had.
    const follower = pair;
    const again = await Promise.all(Array.from({ length: 500 }, () => follower.reissue(1, sha256 ?? '')));
    expect(new Set(again.map((answer) => answer.body['outcome']))).toEqual(new Set(['newer']));
    expect(pair.server.times.length - 1).toBeLessThanOrEqual(2);
  });
});

describe('a leader that is stopped by SIGSTOP', () => {
  it('delays a reissue by the time that it has to show that it is alive, and then no more', async () => {
    pair = await ReplicaPair.start();
    const { process: leader } = pair.at(0);
    const first = await pair.reissue(1, pair.stored()?.sha256 ?? '');
    expect(first).toMatchObject({ status: 200, body: { outcome: 'reissued' } });
    leader.child.kill('SIGSTOP');
    const took: number[] = [];
    try {
      for (let count = 0; count < 20; count += 1) {
        const before = pair.stored()?.sha256 ?? '';
        const answer = await pair.reissue(1, count % 2 === 0 ? before : 'f'.repeat(64));
        expect(answer.status).toBe(200);
        expect(answer.body['stored']).toBe(true);
        took.push(answer.took);
        await new Promise((resolve) => setTimeout(resolve, 2100));
      }
    } finally {
      leader.child.kill('SIGCONT');
    }
    // 1.5 s on a machine that does nothing else.
    expect(Math.max(...took)).toBeLessThan(15_000);
    expect(pair.at(1).process.lines.filter(({ event }) => event === 'call-forwarded')).toContainEqual(
      expect.objectContaining({ result: 'unanswered', to: 'leader' }),
    );
  });
});

describe('a replica that follows', () => {
  it('passes the trace of a call on, so that the log of the leader shows what followed from the call', async () => {
    pair = await ReplicaPair.start({}, undefined, ['--log-traces']);
    const [leader, follower] = [pair.at(0).process, pair.at(1).process];
    const [trace_id, span_id] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
    const traceparent = `00-${trace_id}-${span_id}-01`;
    const answer = await pair.reissue(1, pair.stored()?.sha256 ?? '', { traceparent });
    expect(answer).toMatchObject({ status: 200, body: { outcome: 'reissued' } });
    const followed = await Promise.all([
      follower.logged('call-forwarded'),
      leader.logged('reissue'),
      leader.logged('token-issued', 2),
      leader.logged('token-stored', 2),
    ]);
    for (const line of followed) expect(line).toMatchObject({ trace_id, span_id, trace_flags: '01' });
    expect(await leader.logged('token-issued')).not.toHaveProperty('trace_id');
  });

  it('passes each kind of call on, and says so in its audit and metrics', async () => {
    pair = await ReplicaPair.start({
      evidence: { reporters: [{ namespace: 'billing', serviceAccount: 'billing-app' }] },
    });
    const conditions = await pair.call(1, 'GET', `${TOKEN_PATH}/dynamics/conditions`);
    expect(conditions).toMatchObject({ status: 200, body: { conditions: [{ type: 'VolumeFollowsInTime' }] } });
    const sha256 = pair.stored()?.sha256 ?? '';
    const reported = await pair.call(1, 'POST', `${TOKEN_PATH}/dynamics/rejections`, { rejected_sha256: sha256 });
    expect(reported.status).toBe(202);
    await until('The next token', () => pair?.stored()?.sha256 !== sha256, 60_000);
    const answer = await pair.reissue(1, sha256, { 'token-acquirer-test': 'true' });
    expect(answer).toMatchObject({ status: 200, body: { outcome: 'newer' } });
    const [leader, follower] = [pair.at(0).process, pair.at(1).process];
    const audited = await leader.logged('reissue');
    expect(audited).toMatchObject({ forwarded_by: pair.at(1).pod, test: true, audit: true });
    expect(answer.headers['x-request-id']).toBe(audited['request_id']);
    expect(follower.count('reissue')).toBe(0);
    expect(follower.count('call-forwarded')).toBe(3);
    const metrics = await follower.metrics();
    expect(metrics).toContain('token_acquirer_forwarded_calls_total{to="leader",outcome="answered"} 3');
    expect(metrics).not.toContain('token_acquirer_token_seconds_to_expiry{');
  });

  it('never forwards a call that was forwarded', async () => {
    pair = await ReplicaPair.start();
    const answer = await pair.reissue(1, pair.stored()?.sha256 ?? '', { 'token-acquirer-forwarded-to': 'leader' });
    expect(answer).toMatchObject({ status: 421, body: { code: 'not_leader' } });
    expect(pair.server.times).toHaveLength(1);
  });

  it('shows the report of the leader, and has it check credentials', async () => {
    pair = await ReplicaPair.start();
    const [leader, follower] = pair.replicas.map(({ pod }) => pod);
    const report = await pair.status(1);
    expect(report.replica).toEqual({ pod: follower, shard: 0, role: 'following', leader });
    expect(report.tokens).toMatchObject([{ state: 'Valid', stored: true }]);
    expect((await pair.status(0)).replica).toEqual({ pod: leader, shard: 0, role: 'leading' });
    const at = ['--status-url', await pair.at(1).process.url('status')];
    const shown = await command(['status', ...at]);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain(`Leader: pod ${leader}`);
    const checked = await command(['credentials', 'check', 'dynamics', ...at]);
    expect(checked).toMatchObject({ code: 0 });
    expect(pair.at(0).process.count('credential-checked')).toBe(1);
    pair.at(0).process.child.kill('SIGSTOP');
    const without = await command(['status', ...at]);
    pair.at(0).process.child.kill('SIGCONT');
    expect(without.code).toBe(1);
    expect(without.stdout).toContain('The leader cannot be asked.');
    expect(without.stdout).toContain(`The leader ${leader} does not answer`);
  });

  it('answers nobody but the other replicas about the status', async () => {
    pair = await ReplicaPair.start();
    const answers = await Promise.all([pair.call(0, 'GET', '/replica/status'), pair.call(1, 'GET', '/replica/status')]);
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
  });

  it('requests nothing with a refresh token that rotates', async () => {
    pair = await ReplicaPair.start({ grant: 'refresh_token' });
    const { process: leader } = pair.at(0);
    const sha256 = pair.stored()?.sha256 ?? '';
    leader.child.kill('SIGSTOP');
    const refused = await pair.reissue(1, sha256);
    const newer = await pair.reissue(1, 'f'.repeat(64));
    leader.child.kill('SIGCONT');
    expect(refused).toMatchObject({ status: 503, body: { code: 'leader_unavailable' } });
    expect(refused.headers['retry-after']).toBe('5');
    expect(newer).toMatchObject({ status: 200, body: { outcome: 'newer' } });
    expect(pair.server.times).toHaveLength(1);
  });
});
