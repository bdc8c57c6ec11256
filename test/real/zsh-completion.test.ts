import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completionScript } from '../../src/token-acquirer/plugin/completion-script.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { installZsh } from './install/zsh.ts';
import { realParts } from './real-parts.ts';

const PROGRAM = join(import.meta.dirname, '../../src/token-acquirer/plugin.mjs');
const MINUTE = 60_000;

describe('The completion script for zsh', () => {
  const installed = realParts(async () => ({ zsh: await installZsh(), stop: async () => {} }));
  let directory: ReturnType<typeof temporaryDirectory>;
  beforeAll(() => {
    directory = temporaryDirectory();
    const start = `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`;
    writeFileSync(join(directory.path, 'kubectl-token_acquirer'), start, { mode: 0o755 });
    writeFileSync(join(directory.path, 'completion.zsh'), completionScript('zsh'));
  });
  afterAll(() => directory.remove());

  /** What an interactive shell with its completion system has on its line after a tab. */
  async function completed(line: string): Promise<string> {
    const lines = [
      'zmodload zsh/zpty',
      'zpty shell zsh -f -i',
      'zpty -w shell "PROMPT=; RPROMPT=; autoload -Uz compinit && compinit -u -D; source $1"',
      // Prints the line instead of running it.
      'zpty -w shell $\'shown() { print -r -- "<$BUFFER>"; exit }; zle -N shown; bindkey "^X" shown; echo re""ady\'',
      "zpty -r -m shell seen '*ready*'",
      "zpty -w -n shell \"$2\"$'\\t'$'\\x18'",
      "zpty -r -m shell seen '*<*>*'",
      'print -r -- "$seen"',
    ];
    const env = { ...process.env, TERM: 'dumb', PATH: `${directory.path}:${process.env['PATH']}` };
    const script = join(directory.path, 'completion.zsh');
    const child = spawn(installed().zsh, ['-f', '-c', lines.join('\n'), 'zsh', script, line], { env });
    let printed = '';
    child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    await once(child, 'close');
    return /<([^<>]*)>\s*$/.exec(printed)?.[1]?.trim() ?? printed;
  }

  it.each([
    ['kubectl-token_acquirer insp', 'kubectl-token_acquirer inspect'],
    ['kubectl token-acquirer status --un', 'kubectl token-acquirer status --unhealthy'],
    ['kubectl token-acquirer completion z', 'kubectl token-acquirer completion zsh'],
  ])(
    'completes "%s"',
    async (line, expected) => {
      expect(await completed(line)).toBe(expected);
    },
    2 * MINUTE,
  );
});
