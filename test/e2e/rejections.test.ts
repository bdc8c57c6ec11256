import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { TokenDocument } from '../../src/core/token-volume.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { stages } from './stage.ts';

vi.setConfig({ testTimeout: 60_000 });

const { open, closeAll } = stages();
afterAll(closeAll);

const TOKEN_PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';

describe('a gateway with its own token file', () => {
  it('reports a revoked token, which is replaced in the directory, and never gets a token', async () => {
    const stage = await open({ more: { evidence: { reporters: [{ name: 'edge', tokenFile: 'edge.token' }] } } });
    const bearer = secret('reporter');
    writeFileSync(join(stage.workplace.root, 'edge.token'), `${bearer}\n`, { mode: 0o600 });
    const running = stage.acquirer();
    await running.logged('token-stored');
    const url = await running.url('reissue');
    const current = (): TokenDocument =>
      JSON.parse(readFileSync(join(stage.workplace.volume(), 'dynamics.json'), 'utf8')) as TokenDocument;
    const post = (path: string, rejected: string): Promise<Response> =>
      fetch(`${url}${TOKEN_PATH}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
        body: JSON.stringify({ rejected_sha256: rejected }),
      });
    const before = current();
    await stage.revoke(before.access_token);

    const answers = await Promise.all(Array.from({ length: 50 }, () => post('/rejections', before.sha256)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(answers.map(() => ''));
    await until('the next token', () => current().sha256 !== before.sha256, 10_000);
    expect(current().previous_sha256[0]).toBe(before.sha256);
    expect(await stage.isActive(current().access_token)).toBe(true);
    expect(running.count('token-issued')).toBe(2);
    expect(await running.logged('evidence')).toMatchObject({
      audit: true,
      result: 'reissued',
      source: 'gateway',
      caller: 'edge',
      rejected: before.sha256.slice(0, 8),
    });

    const denied = await post('/reissue', current().sha256);
    expect([denied.status, (await denied.text()).includes('access_token')]).toEqual([403, false]);
    expect(await running.metrics()).toContain('source="gateway",outcome="reissued"} 1');
  });
});
