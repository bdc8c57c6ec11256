import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createCertificateAuthority } from '../support/certificates.ts';
import { keepText } from '../support/outputs.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { type AcquirerProcess, command, type Ended } from './acquirer-process.ts';
import { type Stage, stages } from './stage.ts';

const { open, closeAll } = stages();
afterEach(closeAll);

/** A client app that does not run: no token is requested for it. */
const NOT_RUNNING = { clientApp: { pidFile: 'client-app.pid' } };

const status = async (running: AcquirerProcess): Promise<Ended> =>
  command(['status', '--status-url', await running.url('status')]);

/** The same as the command does, without another process. */
async function check(running: AcquirerProcess, name = 'dynamics'): Promise<{ outcome: string; message: string }> {
  const answer = await fetch(new URL('/check', await running.url('status')), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  const text = await answer.text();
  keepText('POST /check', text);
  const [report] = (JSON.parse(text) as { checks: { outcome: string; message: string }[] }).checks;
  if (report === undefined) throw new Error('There is no report.');
  return report;
}

async function suspended(stage: Stage): Promise<AcquirerProcess> {
  const running = stage.acquirer();
  await until('the suspension', async () => (await running.status()).tokens[0]?.state === 'Suspended', 30_000);
  return running;
}

describe('credentials check, at a real authorization server', () => {
  it.each(['client_credentials', 'password'] as const)(
    'accepts the credential of the grant %s, and leaves no token behind',
    async (grant) => {
      const stage = await open({ grant, more: NOT_RUNNING });
      const running = await suspended(stage);
      const address = ['--status-url', await running.url('status')];
      const { code, stdout, stderr } = await command(['credentials', 'check', 'dynamics', ...address]);
      expect(stderr).toBe('');
      expect(stdout).toBe(
        `dynamics: The authorization server corporate accepted it: it gave a token for billing/billing-tokens/dynamics (${grant}). That token was revoked, and stored nowhere.\n`,
      );
      expect(code).toBe(0);
      expect(stage.server.counts).toMatchObject({ tokenRequests: 1, revocations: 1 });
      expect((await running.status()).tokens[0]).toMatchObject({ state: 'Suspended', stored: false });
    },
  );

  it('says what the server says of a wrong secret, locks nothing, and tries a corrected one immediately', async () => {
    const stage = await open({ more: NOT_RUNNING });
    const right = stage.passwords.client;
    stage.workplace.credential('dynamics', { client_secret: secret('wrong') });
    const running = await suspended(stage);
    const { outcome, message } = await check(running);
    expect(outcome).toBe('failed');
    expect(message).toContain('without success. invalid_client: The authorization server corporate');
    expect((await check(running)).message).toMatch(/was not tried .* Try again in \d+s, or correct the credential/);
    expect(stage.server.counts.tokenRequests).toBe(1);
    stage.workplace.credential('dynamics', { client_secret: right });
    expect((await check(running)).outcome).toBe('accepted');
  });

  it('does not disturb a token that is in use', async () => {
    const stage = await open({ grant: 'password' });
    const running = stage.acquirer();
    const { call } = await stage.source(running);
    expect((await check(running)).outcome).toBe('accepted');
    expect((await call(`${stage.gateway.url}/incidents`)).status).toBe(200);
    expect(stage.server.counts).toMatchObject({ tokenRequests: 2, revocations: 1 });
    expect(running.count('reissue')).toBe(0);
  });

  it('spends no refresh token', async () => {
    const stage = await open({ grant: 'refresh_token', more: NOT_RUNNING });
    stage.workplace.credential('dynamics', { refresh_token: await stage.firstRefreshToken() });
    const running = await suspended(stage);
    const before = stage.server.counts.tokenRequests;
    const { outcome, message } = await check(running);
    expect([outcome, stage.server.counts.tokenRequests]).toEqual(['spending', before]);
    expect(message).toContain('a request would spend the refresh token');
  });

  it('lists the existing credentials', async () => {
    const running = await suspended(await open({ more: NOT_RUNNING }));
    const address = ['--status-url', await running.url('status')];
    const { code, stderr } = await command(['credentials', 'check', 'dynamic', ...address]);
    expect(code).toBe(1);
    expect(stderr).toContain('Credentials: dynamics.');
  });
});

describe('the status while the client app does not run', () => {
  it('names a missing credential and CA file, and ends with 0 once both exist', async () => {
    const stage = await open({ more: NOT_RUNNING });
    const { server, workplace } = stage;
    const caFile = join(workplace.root, 'ca.crt');
    const reachedBy = { tokenEndpoint: `${server.issuer}/token`, caFile };
    workplace.configure(stage.configuration({ reachedBy, more: { ...NOT_RUNNING, credential: 'crm' } }));
    const running = await suspended(stage);
    const bad = await status(running);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toContain('CredentialUsable=False (CredentialUnusable)\n  There is no credential folder');
    expect(bad.stdout).toContain(
      `CaUsable=False (CaFileUnusable)\n  The CA file ${caFile} of the authorization server`,
    );
    const validated = await command(['validate', '--config', workplace.config, '--credentials', workplace.credentials]);
    expect(validated.code).toBe(2);
    expect(validated.stderr).toContain('There is no credential folder');
    expect(validated.stderr).toContain(`The CA file ${caFile} cannot be read (ENOENT)`);
    const authority = createCertificateAuthority();
    writeFileSync(caFile, authority.ca);
    authority.remove();
    workplace.credential('crm', { client_id: 'billing', client_secret: stage.passwords.client });
    const isWell = async (): Promise<boolean> => (await running.status()).tokens[0]?.healthy === true;
    await until('the cure', isWell, 60_000);
    expect((await status(running)).code).toBe(0);
    const [report] = (await running.status()).tokens;
    expect(report).toMatchObject({ state: 'Suspended', stored: false });
    expect(report).not.toHaveProperty('generation');
    expect(running.count('token-issued') + running.count('token-request-failed')).toBe(0);
  }, 90_000);
});
