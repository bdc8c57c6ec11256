import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ENTRA_ERRORS } from '../../src/adapters/oauth/entra-errors.ts';
import { signingKey } from '../../src/adapters/oauth/key-pair.ts';
import type { AuthorizedFetchOptions } from '../../src/client/index.ts';
import { type Actions, createProgram } from '../../src/token-acquirer/cli/program.ts';
import { codeBlocks, shellCommands } from '../support/code-blocks.ts';
import { registerSecret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import {
  API_MANAGEMENT,
  API_MANAGEMENT_RULES,
  DATAVERSE_ANSWERS,
  ENVOY,
  HTTP_API,
  REST_API,
  REST_API_RULES,
} from './gateway-answers.ts';
import { bodyOf } from './vendor-answer.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = ['aks-entra.md', 'eks-cognito.md', 'keycloak-envoy.md'] as const;

const textOf = (page: string): string => readFileSync(join(ROOT, 'docs/install', page), 'utf8');
const blocksOf = (page: string) => codeBlocks(ROOT).filter(({ document }) => document === `docs/install/${page}`);
const shellOf = (page: string) => blocksOf(page).filter(({ language }) => language === 'sh' || language === 'bash');

const ACTIONS: readonly (keyof Actions)[] = ['run', 'validate', 'status', 'reissue', 'setCredential', 'setInterval'];

const folder = temporaryDirectory();
afterAll(() => folder.remove());

describe.each(PAGES)('%s', (page) => {
  it('says of each block of a cloud what it is for, and up front that none was run', () => {
    const clouds = shellOf(page).filter(({ text }) =>
      /(?:^|[(\s])(?:az|aws|pac|kcadm\.sh) /m.test(text.replaceAll(/#.*/g, '')),
    );
    expect(clouds.length).toBeGreaterThan(1);
    for (const { text, line } of clouds) expect(`${line}: ${text}`).toMatch(/^\d+: # (?:az|aws|pac|kcadm\.sh)\b/);
    const [start = ''] = textOf(page).split('\n## ');
    expect(start).toMatch(/not run|was not run here/i);
  });

  it('is in balance: quotes, brackets and continued lines of its commands', () => {
    // Only parsed: nothing of it is run.
    for (const { text } of shellOf(page)) {
      expect(() => execFileSync('bash', ['-n'], { input: text, stdio: ['pipe', 'pipe', 'pipe'] })).not.toThrow();
    }
  });

  it('sets each variable before its commands use it', () => {
    const text = shellOf(page)
      .map((block) => block.text)
      .join('\n');
    const unset = [...text.matchAll(/\$\{?([A-Z][A-Z_]+)/g)].filter(
      ({ 1: name = '', index }) => !new RegExp(`^(?:export )?${name}=`, 'm').test(text.slice(0, index)),
    );
    expect(unset.map(([, name]) => name)).toEqual([]);
  });

  it('never has a secret as an argument', () => {
    const commands = shellOf(page).flatMap(({ text }) => shellCommands(text));
    const leaking = commands.filter((line) =>
      /--from-literal=(?!client_id=)|--password[ =]|--client-secret[ =]/.test(line),
    );
    expect(leaking).toEqual([]);
  });

  it('has no command of the token-acquirer that there is not', async () => {
    const commands = shellOf(page)
      .flatMap(({ text }) => shellCommands(text))
      .flatMap((line) => /npm run -s token-acquirer -- (.+)$/.exec(line)?.[1] ?? []);
    for (const line of commands) {
      const called: string[] = [];
      const action = (name: string) => async (): Promise<void> => void called.push(name);
      const actions = Object.fromEntries(ACTIONS.map((name) => [name, action(name)])) as unknown as Actions;
      await createProgram(actions, '0').parseAsync(line.split(' '), { from: 'user' });
      expect(called).toEqual(['setCredential']);
    }
    expect(commands.length > 0).toBe(page !== 'keycloak-envoy.md');
  });

  it('installs with values that there are', () => {
    const named = shellOf(page).flatMap(({ text }) => [...text.matchAll(/-f (\S+)/g)].map(([, file]) => file ?? ''));
    expect(named.length).toBeGreaterThan(0);
    const copied = shellOf(page).flatMap(({ text }) => [...text.matchAll(/^cp (\S+) (\S+)$/gm)]);
    const original = (file: string): string => copied.find(([, , copy]) => copy === file)?.[1] ?? file;
    expect(named.filter((file) => !existsSync(join(ROOT, original(file))))).toEqual([]);
  });
});

describe('the rules that a page gives the client', () => {
  const rules: [string, Pick<AuthorizedFetchOptions, 'tokenErrors'>][] = [
    ['aks-entra.md', API_MANAGEMENT_RULES],
    ['eks-cognito.md', REST_API_RULES],
  ];

  it.each(rules)('in %s are those that are tried', (page, { tokenErrors = [] }) => {
    const [block] = blocksOf(page).filter(({ language }) => language === 'ts');
    const patterns = [...(block?.text ?? '').matchAll(/(?:body|value): (\/.+?\/)[ ,]/g)].map(([, pattern]) => pattern);
    expect(patterns).toEqual(tokenErrors.map(({ body, header }) => String(body ?? header?.value)));
    for (const { header } of tokenErrors)
      if (header !== undefined) expect(block?.text).toContain(`name: '${header.name}'`);
  });
});

describe('what a page says of a gateway', () => {
  const answers = [
    [
      'aks-entra.md',
      [...API_MANAGEMENT, ...DATAVERSE_ANSWERS],
      ['0x80072560', '0x80040220', '0x80072322', 'Rate limit is exceeded'],
    ],
    [
      'eks-cognito.md',
      [...HTTP_API, ...REST_API],
      ['{"message":"Forbidden"}', 'The incoming token has expired', 'Too Many Requests'],
    ],
    ['keycloak-envoy.md', ENVOY, ['RBAC: access denied']],
  ] as const;

  it.each(answers)('in %s is what was tried', (page, cases, words) => {
    const text = textOf(page);
    for (const word of words) {
      expect(text).toContain(word);
      expect(cases.map(({ answer }) => bodyOf(answer)).join('\n')).toContain(word);
    }
  });
});

describe('eks-cognito.md', () => {
  const commands = shellOf('eks-cognito.md').flatMap(({ text }) => shellCommands(text));

  it('deploys a REST API after it has changed a method', () => {
    const changed = commands.findIndex((line) => line.startsWith('aws apigateway update-method'));
    expect(changed).toBeGreaterThan(0);
    expect(commands[changed + 1]).toMatch(
      /^aws apigateway create-deployment --rest-api-id "\$API" --stage-name "\$STAGE"$/,
    );
  });

  it('exports the region, which all commands of aws take from the environment', () => {
    expect(commands).toContain('export AWS_REGION=eu-central-1');
  });
});

describe('aks-entra.md', () => {
  it('has every number of Entra ID that a message explains, and no other', () => {
    const rows = [...textOf('aks-entra.md').matchAll(/^\| `AADSTS(\d+)` \| (.+) \|$/gm)];
    expect(rows.map(([, number, message]) => [Number(number), message])).toEqual([...ENTRA_ERRORS]);
  });

  it('makes a key pair that signs and names its certificate', () => {
    const [line = ''] = shellOf('aks-entra.md')
      .flatMap(({ text }) => shellCommands(text))
      .filter((one) => one.startsWith('openssl req'));
    execFileSync('bash', ['-c', line], { cwd: folder.path, stdio: ['ignore', 'ignore', 'pipe'] });
    const [privateKey, certificate] = ['private_key', 'certificate'].map((file) =>
      readFileSync(join(folder.path, file), 'utf8'),
    );
    const { key, thumbprint } = signingKey({
      credential: 'dynamics',
      privateKey: registerSecret(privateKey ?? ''),
      certificate,
    });
    expect(key.algorithm).toMatchObject({ name: 'RSA-PSS', hash: { name: 'SHA-256' } });
    expect(thumbprint).toMatch(/^[\w-]{43}$/);
  });

  it('writes the federated credential and the app role as JSON', () => {
    const bodies = shellOf('aks-entra.md').flatMap(({ text }) => [
      ...text.matchAll(/'([[{][\s\S]*?[\]}])'(?=[ \n)]|$)/g),
    ]);
    expect(bodies.length).toBe(3);
    for (const [, body = ''] of bodies)
      expect(() => void JSON.parse(body.replaceAll(/'"\$\(?\w+\)?"'/g, 'x'))).not.toThrow();
  });
});
