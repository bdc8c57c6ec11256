import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createCertificateAuthority } from '../../support/certificates.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { startNameServer } from '../name-server.ts';
import { row } from '../row.ts';
import { startTlsFront } from '../tls-front.ts';

const ADDRESS = '127.0.0.77';
const NAME = 'login.token-acquirer.test';
/** More tokens than threads that resolve names. */
const SECRETS = ['billing-tokens', ...Array.from({ length: 8 }, (_, index) => `tokens-${index}`)];

describe('a name of an authorization server', () => {
  row(
    'F33',
    async (run) => {
      const names = await startNameServer(ADDRESS);
      const authority = createCertificateAuthority();
      const folder = temporaryDirectory();
      let front = 0;
      const tls = await startTlsFront(authority.issue(`DNS:${NAME}`), () => front);
      run.atEnd(async () => {
        tls.close();
        folder.remove();
        authority.remove();
        await names.stop();
      });
      const resolver = join(folder.path, 'resolv.conf');
      // A lookup without an answer takes a minute.
      writeFileSync(resolver, `nameserver ${ADDRESS}\noptions timeout:30 attempts:2\n`);
      const mounted = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
      const reachedBy = { tokenEndpoint: `https://${NAME}:${tls.port}/token`, caFile: authority.caFile };
      const more = (name: string): object => ({ parameters: { token: name }, renewal: { interval: '3s' } });
      const world = await run.world({
        lifetime: 600,
        secrets: SECRETS,
        process: { launcher: ['unshare', '--mount', 'sh', '-c', mounted, resolver] },
        prepare(prepared) {
          front = prepared.front.port;
          prepared.configure({ reachedBy, more });
        },
      });
      const { workplace } = world.stage;
      await world.renewed(world.document.sha256);
      names.mode = 'silent';
      const failed = await world.acquirer.logged('token-request-failed', 1, 60_000);
      expect(Number(failed['took_ms'])).toBeLessThan(20_000);
      await world.acquirer.logged('token-request-failed', SECRETS.length, 60_000);
      // Files are read although every lookup hangs.
      workplace.credential('dynamics', { interval: '5m' });
      await world.acquirer.logged('token-rescheduled', 1, 20_000);
      expect(await world.isReady()).toBe(true);
      workplace.credential('dynamics', { interval: '3s' });
      names.mode = 'denies';
      await world.goOn(3000);
      names.mode = 'answers';
      const { sha256 } = world.document;
      await world.renewed(sha256, 120_000);
      expect(world.calls.figures.failed).toBe(0);
    },
    { timeout: 300_000 },
  );
});
