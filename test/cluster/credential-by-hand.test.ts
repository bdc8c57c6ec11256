import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeBlocks, shellCommands } from '../support/code-blocks.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { emptySecret } from './bad-input/objects.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const SECRET = 'dynamics-credentials';
const PATCH = /^kubectl -n token-acquirer (patch secret dynamics-credentials .*)$/;
const commands = codeBlocks(`${import.meta.dirname}/../..`)
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => shellCommands(text))
  .filter((command) => PATCH.test(command));

/** The way without the project's folder, which the page on credentials and the runbooks show. */
describeInCluster('a credential that is set with kubectl only', (cluster: () => TestCluster) => {
  const folder = temporaryDirectory();
  let home: TestNamespace;
  const kubectl = (args: readonly string[], input?: string): Promise<string> =>
    cluster().kubectl([...args, `--namespace=${home.name}`], input);

  beforeAll(async () => {
    home = await cluster().namespace('credential');
    await kubectl(['apply', '--filename=-'], JSON.stringify(emptySecret(home.name, SECRET)));
    await kubectl(['patch', 'secret', SECRET, '--patch={"stringData":{"client_id":"billing","client_secret":"old"}}']);
  }, CLUSTER_TIMEOUT);
  afterAll(async () => {
    folder.remove();
    await home?.remove();
  });

  it('is the same command on each page', () => {
    expect(commands.length).toBeGreaterThan(4);
    expect(new Set(commands).size).toBe(1);
  });

  it('replaces the value, and keeps the other keys', async () => {
    const value = secret('client "secret" \\ with quotes');
    const [, patch = ''] = PATCH.exec(commands[0] ?? '') ?? [];
    // As jq prints it. A file stands for the pipe, because standard input is a socket here, which nothing can open.
    const file = join(folder.path, 'patch.json');
    writeFileSync(file, JSON.stringify({ stringData: { client_secret: value } }), { mode: 0o600 });
    await kubectl(patch.replace('/dev/stdin', file).split(' '));
    const { data } = JSON.parse(await kubectl(['get', 'secret', SECRET, '--output=json'])) as {
      data: Record<string, string>;
    };
    const decoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]);
    expect(Object.fromEntries(decoded)).toEqual({ client_id: 'billing', client_secret: value });
  });
});
