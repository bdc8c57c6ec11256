import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../src/adapters/telemetry/metrics.ts';
import { CONDITION_TYPES } from '../src/core/conditions.ts';
import { TOKEN_ERRORS } from '../src/core/errors.ts';
import { generatedDocuments } from '../src/docs/documents.ts';
import { parseConfiguration } from '../src/token-acquirer/configuration/parse.ts';
import { AcquirerProcess, command, type Ended } from './e2e/acquirer-process.ts';
import { stages } from './e2e/stage.ts';
import { createFakeClock } from './fakes/fake-clock.ts';
import { blocksIn, type CodeBlock, codeBlocks, documents, kindOfYaml, shellCommands } from './support/code-blocks.ts';
import { registerSecret } from './support/secrets.ts';

const ROOT = resolve(import.meta.dirname, '..');
const blocks = codeBlocks(ROOT);
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const metrics = createMetrics(createFakeClock()).describe();

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-documents-'));
  folders.push(folder);
  return folder;
}

/** What the compiler says of these blocks, each as a module of its own; empty where it is content. */
function compilerFaults(modules: readonly Pick<CodeBlock, 'document' | 'line' | 'text'>[]): string {
  const folder = temporaryFolder();
  const options = { extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'] };
  const paths = { 'token-acquirer-client': [join(ROOT, 'src/client/index.ts')] };
  const compilerOptions = { paths, typeRoots: [join(ROOT, 'node_modules/@types')] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...options, compilerOptions }));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const { document, line, text } of modules) {
    writeFileSync(join(folder, `${document.replaceAll(/\W/g, '_')}_line_${line}.ts`), `${text}\nexport {};\n`);
  }
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' });
    return '';
  } catch (error) {
    return String((error as { stdout?: string }).stdout);
  }
}

describe('every code block of the documents', () => {
  it('is in a language that is checked here', () => {
    // Python is run by test/e2e/other-languages.test.ts.
    const checked = new Set(['ts', 'yaml', 'sh', 'bash', 'python', '']);
    const unchecked = blocks.filter(({ language }) => !checked.has(language));
    expect(unchecked.map(({ document, line, language }) => `${document}:${line} ${language}`)).toEqual([]);
    expect(blocks.length).toBeGreaterThan(6);
  });

  it('in TypeScript compiles', () => {
    expect(compilerFaults(blocks.filter(({ language }) => language === 'ts'))).toBe('');
  });

  it('that is broken on purpose does not', () => {
    const broken = readme.replace("tokens.source('dynamics')", 'tokens.sauce(dynamics)');
    const modules = blocksIn('README.md', broken).filter(({ language }) => language === 'ts');
    expect(compilerFaults(modules)).toContain("Property 'sauce' does not exist");
  });

  it.each(
    blocks
      .filter((block) => kindOfYaml(block) === 'configuration')
      .map((block) => [`${block.document}:${block.line}`, block] as const),
  )('%s is a configuration without faults', (_place, { text }) => {
    expect(parseConfiguration(text, 'config.yaml').tokens.length).toBeGreaterThan(0);
  });

  it.each(['sh', 'bash'])('in %s is one that this shell can parse', (shell) => {
    const scripts = blocks.filter(({ language }) => language === shell);
    expect(scripts.length).toBeGreaterThan(0);
    for (const { document, line, text } of scripts) {
      const { stderr } = spawnSync(shell, ['-n'], { input: text, encoding: 'utf8' });
      expect(`${document}:${line} ${stderr}`).toBe(`${document}:${line} `);
    }
  });

  it('in shell names scripts and files that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => [...text.matchAll(/npm run (?:-s )?([\w:-]+)/g)].map(([, script]) => script ?? ''));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });
});

describe('the commands of the README', () => {
  const { open, closeAll } = stages();
  afterEach(closeAll);
  const PROGRAM = 'npm run -s token-acquirer -- ';
  const lines = blocks
    .filter(({ document, language }) => document === 'README.md' && language === 'sh')
    .flatMap(({ text }) => shellCommands(text))
    .filter((line) => line.startsWith(PROGRAM) || line.startsWith('mkdir '));
  const config =
    blocks.find((block) => block.document === 'README.md' && kindOfYaml(block) === 'configuration')?.text ?? '';

  it('do what they say, one after the other', { timeout: 60_000 }, async () => {
    const stage = await open();
    const folder = temporaryFolder();
    const at = (file: string): string => resolve(folder, file);
    writeFileSync(at('config.yaml'), config.replace(/https:\/\/login\S+/, stage.server.issuer));
    const input = `client_id=billing\nclient_secret=${stage.passwords.client}\n`;
    let running: AcquirerProcess | undefined;
    const done: Record<string, Ended> = {};
    for (const line of lines) {
      if (!line.startsWith(PROGRAM)) {
        execFileSync('/bin/sh', ['-c', line], { cwd: folder });
        registerSecret(readFileSync(at('callers/billing-app'), 'utf8').trim());
        continue;
      }
      const args = line.slice(PROGRAM.length).split(' ');
      const placed = args.map((arg) => (/^\.\/|^config\.yaml$|^callers\//.test(arg) ? at(arg) : arg));
      if (args[0] === 'run') {
        running = AcquirerProcess.start([...placed, '--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0']);
        await running.logged('token-stored');
        continue;
      }
      const urls = running && { reissue: await running.url('reissue'), status: await running.url('status') };
      const more = args[0] === 'status' || args[0] === 'reissue' ? ['--status-url', urls?.status ?? ''] : [];
      const name = args[0] ?? '';
      done[name] = await command(
        [...placed, ...more, ...(name === 'reissue' ? ['--url', urls?.reissue ?? ''] : [])],
        input,
      );
    }
    await running?.end();
    expect(Object.fromEntries(Object.entries(done).map(([name, { code, stderr }]) => [name, [code, stderr]]))).toEqual({
      credentials: [0, ''],
      validate: [0, ''],
      status: [0, ''],
      interval: [0, ''],
      reissue: [0, ''],
    });
    expect(existsSync(at('tokens/billing/billing-tokens/dynamics.json'))).toBe(true);
  });
});

describe('what is generated', () => {
  it.each(generatedDocuments(metrics).map((document) => [document.path, document] as const))(
    'in %s is up to date (npm run docs)',
    (path, { renew }) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      expect(text).toBe(renew(text));
    },
  );
});

describe('the documents name', () => {
  const operations = readFileSync(join(ROOT, 'docs/operate/status-and-cli.md'), 'utf8');

  it.each([
    ['every error code', Object.keys(TOKEN_ERRORS)],
    ['every condition', [...CONDITION_TYPES]],
    ['every metric', metrics.map(({ name }) => name)],
  ])('%s', (_what, words) => {
    expect(words.filter((word) => !operations.includes(`\`${word}\``))).toEqual([]);
  });

  it('no metric that is gone', () => {
    const known = new Set(metrics.map(({ name }) => name));
    const named = documents(ROOT).flatMap((document) =>
      [...readFileSync(join(ROOT, document), 'utf8').matchAll(/token_acquirer_[a-z_]+/g)].map(([name]) => name),
    );
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('no file that is not there', () => {
    const missing = documents(ROOT).flatMap((document) => {
      const text = readFileSync(join(ROOT, document), 'utf8');
      const links = [...text.matchAll(/(?:\]\(|src="|srcset=")([^)#"]+)(?:#[^)]*)?[)"]/g)].map(
        ([, link]) => link ?? '',
      );
      return links.filter((link) => !/^https?:/.test(link) && !existsSync(join(ROOT, dirname(document), link)));
    });
    expect(missing).toEqual([]);
  });
});
