import { describe, expect, vi } from 'vitest';
import { createHttpsReissuer } from '../../../src/adapters/http/https-reissuer.ts';
import { authorizedFetch } from '../../../src/client/index.ts';
import { createCertificateAuthority } from '../../support/certificates.ts';
import { failure } from '../../support/failure.ts';
import { startHttpServer } from '../../support/loopback-server.ts';
import { secret } from '../../support/secrets.ts';
import { until } from '../../support/until.ts';
import { attack, ofAge, rejectionOf } from '../attacker.ts';
import { type RowRun, row } from '../row.ts';
import type { World } from '../world.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ maxConcurrency: 4 });

/** A server that only records what it is asked, with a certificate that nobody vouches for if there is one. */
async function stranger(run: RowRun, certified: boolean): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const authority = certified ? createCertificateAuthority() : undefined;
  const server = await startHttpServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('{}');
  }, authority?.issue());
  run.atEnd(async () => {
    await server.stop();
    authority?.remove();
  });
  return { url: server.url, asked };
}

/** Has the token-acquirer of a world use another token endpoint, and asks for reissues until they fail with this code. */
async function expectCodeFrom(world: World, tokenEndpoint: string, code: string): Promise<void> {
  const loaded = world.acquirer.count('configuration-loaded');
  world.configure({ reachedBy: { tokenEndpoint } });
  await world.acquirer.logged('configuration-loaded', loaded + 1);
  // Until the pause after the failure before is over, an answer names that one.
  const reported = async (): Promise<boolean> => {
    const answer = await attack(world);
    return answer.status === 502 && answer.text.includes(`"code":"${code}"`);
  };
  await until(`The failure ${code}`, reported, 60_000);
}

describe('the way out', () => {
  row('A8', async (run) => {
    const world = await run.world({ lifetime: 600, process: { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } } });
    await ofAge(world);
    const { url, asked } = await stranger(run, true);
    await expectCodeFrom(world, `${url}/token`, 'unreachable');
    expect(asked).toEqual([]);
    expect(await rejectionOf(world, { reachedBy: { tokenEndpoint: 'http://login.example.com/token' } })).toContain(
      'must use https',
    );
    const where = {
      namespace: 'billing',
      secret: 'billing-tokens',
      callerTokenFile: world.stage.workplace.callerToken,
    };
    expect(() => createHttpsReissuer({ ...where, url: 'http://tokens.example.com' })).toThrow(/plain http/);
    const { message } = (await failure(
      createHttpsReissuer({ ...where, url }).reissue('dynamics', 'f'.repeat(64)),
    )) as Error;
    expect(message).toContain('cannot be reached');
    expect(asked).toEqual([]);
    expect(() => authorizedFetch(world.source, { origins: ['http://api.example.com'] })).toThrow(/plain http/);
  });

  row('A9', async (run) => {
    const world = await run.world({ lifetime: 600 });
    await ofAge(world);
    const { url, asked } = await stranger(run, false);
    world.front.answer = () => ({ status: 307, headers: { location: `${url}/token` } });
    expect((await attack(world)).status).toBe(502);
    expect(asked).toEqual([]);
    for (const host of ['169.254.169.254', '[::ffff:169.254.169.254]', '[fd00:ec2::254]'])
      await expectCodeFrom(world, `https://${host}/token`, 'refused_address');
    const password = secret('password-in-a-url');
    const said = await rejectionOf(world, {
      reachedBy: { tokenEndpoint: `https://ada:${password}@login.example.com/token` },
    });
    expect(said).toContain('must not contain a user name or password');
    expect(said).not.toContain(password);
  });

  row('A10', async (run) => {
    const token = secret('access-token');
    const answers = [
      { access_token: `${token}\r\nX-Injected: 1`, token_type: 'Bearer' },
      { access_token: `${token}\n`, token_type: 'Bearer' },
      { access_token: `${token}\u0000`, token_type: 'Bearer' },
      { access_token: `${token}\u007f`, token_type: 'Bearer' },
      { access_token: `${token}\u2028`, token_type: 'Bearer' },
      `{"__proto__":{"access_token":"${token}"},"token_type":"Bearer"}`,
      `{"constructor":{"prototype":{"access_token":"${token}"}}}`,
    ];
    const world = await run.world({
      lifetime: 60,
      more: { renewal: { interval: '1s' } },
      prepare: ({ front }) => {
        front.answer = (request) => {
          const body = answers[request - 1];
          return body === undefined ? undefined : { body };
        };
      },
    });
    const { sha256 } = world.document;
    await world.acquirer.logged('token-request-failed', answers.length, 90_000);
    expect(
      new Set(world.acquirer.lines.filter(({ event }) => event === 'token-request-failed').map(({ code }) => code)),
    ).toEqual(new Set(['invalid_response']));
    await world.renewed(sha256);
    expect(world.document.access_token).not.toContain(token);
  });
});
