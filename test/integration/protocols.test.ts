import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AcquirerProcess, Workplace } from '../e2e/acquirer-process.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = join(import.meta.dirname, '../..');
const TABLE = 'src/token-acquirer/configuration/protocols.ts';

/** A made-up protocol, as a contributor would write it: a counter gives vouchers at its desks. */
const VOUCHER = `import { z } from 'zod';
import { defineProtocol } from './definition.ts';

/** A counter that gives vouchers. */
export const voucher = defineProtocol('voucher', {
  summary: 'A counter that gives vouchers.',
  url: { meaning: 'URL of the counter.' },
  server: { hall: z.enum(['north', 'south']).default('north').describe('Hall of the counter.') },
  token: { desk: z.string().regex(/^[1-9]$/, 'must be a desk from 1 to 9').describe('Number of the desk.') },
  credential: ['client_id', 'password'],
  async request({ server, demand, value, send }) {
    const answer = await send({
      url: \`\${server.url}/\${server.hall}/\${demand.desk}\`,
      headers: { 'X-Visitor': value('client_id') },
      json: { word: value('password') },
    });
    return { token: answer.take({ pointer: '/voucher' }), lifetime: answer.take({ header: 'X-Valid-For' }) };
  },
  async revoke({ server, send }, accessToken) {
    await send({ url: \`\${server.url}/returned\`, json: { voucher: accessToken.reveal() } });
    return true;
  },
});
`;

/** Adds the protocol to a copy of the source: its file, and its row of the table. */
function addVoucher(): { readonly path: string; readonly remove: () => void } {
  const copy = temporaryDirectory();
  for (const name of ['src', 'package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, name), join(copy.path, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy.path, 'node_modules'));
  writeFileSync(join(copy.path, 'src/token-acquirer/protocols/voucher.ts'), VOUCHER);
  const table = readFileSync(join(ROOT, TABLE), 'utf8');
  const longer = `import { voucher } from '../protocols/voucher.ts';\n${table.replace(/(PROTOCOLS: .* = \[.*)\];/, '$1, voucher];')}`;
  expect(longer).toMatch(/, voucher\];/);
  writeFileSync(join(copy.path, TABLE), longer);
  return copy;
}

describe('another protocol, added as one file and one row of the table,', () => {
  const workplace = new Workplace();
  const issued = secret('voucher');
  const password = secret('word');
  const visits: { readonly url: string | undefined; readonly visitor: unknown; readonly body: string }[] = [];
  let copy: ReturnType<typeof addVoucher>;
  let counter: LoopbackServer;

  beforeAll(async () => {
    copy = addVoucher();
    counter = await startHttpServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => {
        body += part.toString();
      });
      request.on('end', () => {
        visits.push({ url: request.url, visitor: request.headers['x-visitor'], body });
        response.writeHead(201, { 'X-Valid-For': '90' }).end(JSON.stringify({ voucher: issued }));
      });
    });
    workplace.credential('counter', { client_id: 'ada', password }).configure({
      authorizationServers: { counter: { protocol: 'voucher', url: counter.url, hall: 'south' } },
      tokens: {
        'billing/billing-tokens/voucher': { authorizationServer: 'counter', credential: 'counter', desk: '7' },
      },
    });
  });
  afterAll(async () => {
    workplace.remove();
    copy.remove();
    await counter.stop();
  });

  const main = (): string => join(copy.path, 'src/token-acquirer/main.ts');
  const validate = (file: string) =>
    spawnSync(process.execPath, [main(), 'validate', '--config', file], { encoding: 'utf8' });

  it('takes fewer than 40 lines', () => {
    expect(VOUCHER.split('\n').length).toBeLessThan(40);
  });

  it('compiles', { timeout: 300_000 }, () => {
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const printed = spawnSync(process.execPath, [compiler, '--noEmit', '--pretty', 'false'], {
      cwd: copy.path,
      encoding: 'utf8',
    });
    expect(printed.stdout).toBe('');
  });

  it('has its keys checked, with those of the other protocols', { timeout: 60_000 }, () => {
    const file = join(copy.path, 'wrong.yaml');
    writeFileSync(
      file,
      `authorizationServers: { counter: { protocol: voucher, url: ${counter.url}, hall: east } }
tokens:
  - { name: a, authorizationServer: counter, credential: a, grant: password, desk: ten, secret: { namespace: a, name: b } }
  - { name: b, authorizationServer: counter, credential: a, secret: { namespace: a, name: b } }
`,
    );
    const { stderr } = validate(file);
    expect(stderr).toContain('authorizationServers.counter.hall: must be one of north, south');
    expect(stderr).toContain('tokens[0].desk: must be a desk from 1 to 9');
    expect(stderr).toContain('tokens[0].grant: works only with protocol: oauth');
    expect(stderr).toContain('tokens[1].desk: is missing; it must be a text');
  });

  it('is in the reference and in the schema of the chart', { timeout: 60_000 }, () => {
    const script = `
      import { configurationReference } from './src/docs/configuration-reference.ts';
      import { chartSchema } from './src/docs/chart-schema.ts';
      console.log(configurationReference(), chartSchema('# -- a\\nconfig: {}\\n', '{}'));`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: copy.path,
      encoding: 'utf8',
    });
    expect(printed).toContain(
      '| `authorizationServers.<name>.hall` | `north`, `south` | `north` | With `protocol: voucher`: Hall',
    );
    expect(printed).toContain('"const": "voucher"');
    expect(printed).toContain('must be a desk from 1 to 9');
  });

  it('gives the client app its tokens', { timeout: 120_000 }, async () => {
    const acquirer = AcquirerProcess.in(workplace, [], { main: main() });
    try {
      await acquirer.logged('token-stored');
      expect(readFileSync(join(workplace.volume(), 'voucher'), 'utf8')).toBe(issued);
      expect(visits).toEqual([{ url: '/south/7', visitor: 'ada', body: JSON.stringify({ word: password }) }]);
      const { issued_at: from, expires_at: to } = JSON.parse(
        readFileSync(join(workplace.volume(), 'voucher.json'), 'utf8'),
      ) as Readonly<Record<string, string>>;
      expect(Date.parse(to ?? '') - Date.parse(from ?? '')).toBe(90_000);
    } finally {
      await acquirer.end();
    }
  });
});
