import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { authorizedFetch, mountedTokens } from '../../src/client/index.ts';
import { sha256 } from '../../src/core/token.ts';
import { startGateway } from '../support/gateway.ts';
import { startScriptedTokenServer } from '../support/scripted-token-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { VISIBLE_ASCII } from '../support/tokens.ts';
import { AcquirerProcess, Workplace } from './acquirer-process.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** A token-acquirer whose authorization server issues these tokens, and a gateway that lets none of them through. */
async function open(issued: readonly string[]) {
  const server = await startScriptedTokenServer((request) => ({
    body: { access_token: issued[request] ?? issued.at(-1), token_type: 'Bearer', expires_in: 3600 },
  }));
  const gateway = await startGateway();
  const workplace = new Workplace()
    .configure({
      authorizationServers: { corporate: { tokenEndpoint: server.url } },
      tokens: [
        {
          name: 'dynamics',
          authorizationServer: 'corporate',
          credential: 'dynamics',
          grant: 'client_credentials',
          secret: { namespace: 'billing', name: 'billing-tokens' },
          clients: [{ name: 'billing-app', tokenFile: 'callers/billing-app' }],
        },
      ],
    })
    .credential('dynamics', { client_id: 'billing', client_secret: secret('client-secret') });
  const acquirer = AcquirerProcess.in(workplace);
  stops.push(
    () => workplace.remove(),
    () => server.stop(),
    () => gateway.stop(),
    () => acquirer.end(),
  );
  await acquirer.logged('token-issued');
  const directory = workplace.volume();
  const tokens = mountedTokens({
    directory,
    reissue: {
      url: await acquirer.url('reissue'),
      namespace: 'billing',
      secret: 'billing-tokens',
      callerTokenFile: workplace.callerToken,
    },
  });
  stops.push(() => tokens.close());
  const source = tokens.source('dynamics');
  await source.ready();
  return { directory, gateway, source };
}

describe('a token of every visible ASCII character', () => {
  const [first, second] = ['a', 'b'].map((start) => registerSecret(`${start}${VISIBLE_ASCII}`)) as [string, string];

  it('reaches the gateway unchanged: through the volume, and through a reissue', { timeout: 60_000 }, async () => {
    const { directory, gateway, source } = await open([first, second]);
    const file = join(directory, 'dynamics');
    expect(readFileSync(file, 'utf8') === first).toBe(true);
    const shell = execFileSync('sh', ['-c', 'printf %s "Authorization: Bearer $(cat "$1")"', 'sh', file]).toString();
    expect(shell === `Authorization: Bearer ${first}`).toBe(true);

    const call = authorizedFetch(source, { origins: [gateway.url] });
    gateway.accepted.add(sha256(first));
    expect((await call(gateway.url)).status).toBe(200);
    gateway.accepted.clear();
    gateway.accepted.add(sha256(second));
    // A token that is rejected within a second of its issue is not reissued immediately.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await call(gateway.url)).status).toBe(200);
    expect(gateway.seen.map(({ tokens }) => tokens)).toEqual([first, first, second].map((token) => [sha256(token)]));
    expect(gateway.seen.at(-1)?.headers.authorization === `Bearer ${second}`).toBe(true);
  });
});
