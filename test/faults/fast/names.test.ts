import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import type { AcquirerProcess } from '../../e2e/acquirer-process.ts';
import { stages } from '../../e2e/stage.ts';
import { attack, rejectionOf, TOKEN_PATH } from '../attacker.ts';
import { bundledProgram } from '../program.ts';
import { type RowRun, row } from '../row.ts';

// Most of the time passes in waiting, and side by side.
vi.setConfig({ maxConcurrency: 2 });

/** A client that may write to the token directory leads `..data` to the credentials. */
async function expectNoWayToCredentials(run: RowRun): Promise<void> {
  const { open, closeAll } = stages();
  run.atEnd(closeAll);
  const stage = await open();
  const { workplace } = stage;
  const start = (): AcquirerProcess => stage.acquirer([], bundledProgram());
  const first = start();
  await first.logged('token-issued');
  await first.end();
  const state = join(workplace.volume(), '..data');
  rmSync(state);
  symlinkSync(join(workplace.credentials, 'dynamics'), state);
  const second = start();
  await second.logged('token-issued');
  expect(readFileSync(join(workplace.credentials, 'dynamics', 'client_secret'), 'utf8')).toContain(
    stage.passwords.client,
  );
  expect(() => readFileSync(join(workplace.volume(), 'client_secret'))).toThrow(/ENOENT/);
  await second.end();
  chmodSync(workplace.tokens, 0o777);
  expect(await start().ended()).toMatchObject({ code: 2 });
}

describe('names', () => {
  row('A11', async (run) => {
    const world = await run.world({ lifetime: 600 });
    const before = world.front.requests.length;
    for (const path of [
      `${TOKEN_PATH}/%2e%2e/dynamics/reissue`,
      TOKEN_PATH.replace('billing-tokens', '..%2f..%2fcredentials'),
      TOKEN_PATH.replace('dynamics', 'dynamics%00'),
      TOKEN_PATH.replace('dynamics', '__proto__'),
      TOKEN_PATH.replace('dynamics', '%zz'),
    ])
      expect([400, 403, 404]).toContain((await attack(world, { path: `${path}/reissue` })).status);
    const wrong = [{ name: '../dynamics' }, { key: '../dynamics' }, { credential: '../state' }, { key: '..data' }];
    const secrets = wrong.map((_, at) => `secret-${at}`);
    const more = (secretName: string): object => wrong[secrets.indexOf(secretName)] ?? {};
    const said = await rejectionOf(world, { secrets, more });
    for (const [at, one] of wrong.entries()) expect(said).toContain(`tokens[${at}].${Object.keys(one).join()}`);
    world.configure();
    expect(world.front.requests).toHaveLength(before);
    await expectNoWayToCredentials(run);
  });

  row('A12', async (run) => {
    const scope = '${HOME} {{ .Values.secret }} $(id) `id` #{7*7} ${jndi:ldap://127.0.0.1/a}';
    const world = await run.world({
      prepare: (opening) => {
        mkdirSync(join(opening.stage.workplace.root, 'unused'));
        writeFileSync(join(opening.stage.workplace.root, 'unused', 'id'), '');
        opening.front.answer = (_request, form) => {
          form.delete('scope');
          return undefined;
        };
        opening.configure({ more: { parameters: { comment: scope } } });
      },
    });
    expect(world.front.requests[0]?.form.get('comment')).toBe(scope);
    expect(JSON.stringify(world.acquirer.lines)).not.toContain(process.env['HOME'] ?? 'no home');
  });
});
