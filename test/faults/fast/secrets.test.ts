import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, vi } from 'vitest';
import { findLeaks } from '../../support/leak-search.ts';
import { ownSecrets } from '../../support/secrets.ts';
import { attack, ofAge, rejectionOf } from '../attacker.ts';
import { bundledProgram } from '../program.ts';
import { row } from '../row.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ maxConcurrency: 4 });

/** The secrets that a text shows, by their labels. */
function leaksIn(...texts: readonly string[]): string[] {
  expect(ownSecrets().length).toBeGreaterThan(0);
  const outputs = texts.map((text) => ({ label: 'text', content: Buffer.from(text, 'latin1') }));
  return findLeaks(ownSecrets(), outputs).map(({ secret }) => secret);
}

describe('secrets', () => {
  row('A13', async (run) => {
    const world = await run.world({ lifetime: 600 });
    await ofAge(world);
    const { client, user } = world.stage.passwords;
    // A server that repeats what was sent, in a body, a header and a challenge.
    world.front.answer = () => ({
      status: 401,
      headers: { 'www-authenticate': `Basic realm="${client}", error="${user}"`, 'x-echo': client },
      body: { error: client, error_description: `${user} ${client}`, error_uri: `https://h/${client}` },
    });
    const rejected = await attack(world);
    expect(rejected.status).toBe(502);
    world.front.answer = () => undefined;
    const status = await world.acquirer.status();
    const pid = world.acquirer.child.pid ?? 0;
    const shown = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1'));
    const pages = [rejected.text, JSON.stringify(status), await world.acquirer.metrics()];
    expect(leaksIn(...pages, ...shown, JSON.stringify(world.acquirer.lines))).toEqual([]);
    // Of a private, a shared and a huge page, and of a header: none of them is in a core dump of the kernel.
    expect(readFileSync(`/proc/${pid}/coredump_filter`, 'latin1').trim()).toBe('00000000');
  });

  row(
    'A28',
    async (run) => {
      const world = await run.world({
        lifetime: 600,
        prepare: (opening) => {
          const reachedBy = {
            tokenEndpoint: `${opening.proxy.url}/token`,
            revocationEndpoint: `${opening.stage.server.issuer}/token/revocation`,
          };
          opening.configure({ reachedBy, more: { revokePrevious: true } });
        },
      });
      await ofAge(world);
      const { access_token: replaced, sha256 } = world.document;
      expect((await attack(world)).status).toBe(200);
      await world.renewed(sha256);
      // Others may still send it for two minutes.
      expect(await world.stage.isActive(replaced)).toBe(true);
      await world.goOn(60_000);
      expect(await world.stage.isActive(replaced)).toBe(true);
      await world.acquirer.logged('token-revoked', 1, 120_000);
      expect(await world.stage.isActive(replaced)).toBe(false);
      expect(world.document.sha256).not.toBe(sha256);
    },
    240_000,
  );

  row('A29', async (run) => {
    const world = await run.world({ lifetime: 600 });
    const options = [
      '--inspect=127.0.0.1:0',
      '--heapsnapshot-signal=SIGUSR2',
      '--report-on-signal',

      '--tls-keylog=keys',
      '--heap-prof',
    ];
    for (const option of options) {
      // Node itself writes the profile, as the process ends.
      const folder = option === '--heap-prof' ? ` --heap-prof-dir=${world.stage.workplace.root}` : '';
      const ended = await world.stage
        .acquirer([], bundledProgram({ env: { NODE_OPTIONS: `${option}${folder}` } }))
        .ended();
      expect([option, ended.code]).toEqual([option, 2]);
      expect(ended.stderr).toContain(option.replace(/=.*/, ''));
    }
    const pid = world.acquirer.child.pid ?? 0;
    const files = readdirSync(`/proc/${pid}/fd`).length;
    world.acquirer.child.kill('SIGUSR1');
    await world.goOn(1000);
    // A few of its own connections may be new. An inspector would have a listener and an event descriptor.
    expect(readdirSync(`/proc/${pid}/fd`).length).toBeLessThanOrEqual(files + 8);
    const inspector = fetch('http://127.0.0.1:9229/json').then(
      ({ ok }) => ok,
      () => false,
    );
    expect(await inspector).toBe(false);
    expect(world.acquirer.child.exitCode).toBeNull();
    expect((await world.acquirer.status()).ready).toBe(true);
  });

  row('A30', async (run) => {
    const world = await run.world({ lifetime: 600, grant: 'password' });
    expect(JSON.stringify(world.acquirer.lines)).toContain('RFC 9700');
    expect(world.front.requests[0]?.form.get('grant_type')).toBe('password');
    const other = await run.world({ lifetime: 600 });
    expect(other.front.requests[0]?.form.get('grant_type')).toBe('client_credentials');
    expect(JSON.stringify(other.acquirer.lines)).not.toContain('RFC 9700');
    // Without a name, no grant is chosen although the credential has a user name and a password.
    expect(await rejectionOf(other, { more: { grant: undefined } })).toContain('grant');
  });
});
