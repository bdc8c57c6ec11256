// Installs the plugin of kubectl for this user: links in ~/.local/bin to the programs in this folder. Plain JavaScript, so that
// whatever Node the machine has runs it.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAMS = {
  'kubectl-token_acquirer': 'plugin.mjs',
  // kubectl runs it for completion.
  'kubectl_complete-token_acquirer': 'plugin-completion.mjs',
};

const folder = join(homedir(), '.local', 'bin');
mkdirSync(folder, { recursive: true });
for (const [name, program] of Object.entries(PROGRAMS)) {
  const link = join(folder, name);
  rmSync(link, { force: true });
  symlinkSync(fileURLToPath(new URL(program, import.meta.url)), link);
}
const isOnPath = (process.env['PATH'] ?? '').split(delimiter).includes(folder);
const way = isOnPath ? '' : `${folder} is not on your PATH: add it. `;
process.stdout.write(`The plugin is in ${folder}. ${way}Then run: kubectl token-acquirer status\n`);
