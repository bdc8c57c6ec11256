import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { keepOutput } from '../../support/outputs.ts';

const MAIN = join(import.meta.dirname, '../../../src/demo/cluster/main.ts');

function start(argument: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, argument], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  keepOutput(child, `example-services ${argument}`);
  return child;
}

describe('the program of the example', () => {
  it('serves until it is stopped', async () => {
    const child = start('incident-desk', { LISTEN: '127.0.0.1:0' });
    const lines: { event: string; url?: string }[] = [];
    const ended = once(child, 'exit');
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as { event: string; url?: string };
      lines.push(line);
      if (line.url === undefined) continue;
      expect((await fetch(`${line.url}/incidents`)).status).toBe(200);
      child.kill('SIGTERM');
    }
    expect(lines.map(({ event }) => event)).toEqual(['listening', 'stopped']);
    expect(await ended).toEqual([0, null]);
  });

  it.each([
    ['', 'Name one of authorization-server, gateway, incident-desk, prepare, revoke.'],
    ['nonsense', 'Name one of authorization-server, gateway, incident-desk, prepare, revoke.'],
    ['gateway', 'SECRETS is not set.'],
    ['prepare', 'KUBERNETES_SERVICE_HOST is not set.'],
  ])('says what it lacks when it is called with only "%s"', async (argument, sentence) => {
    const child = start(argument);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += String(chunk)));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(said).toBe(`${sentence}\n`);
  });
});
