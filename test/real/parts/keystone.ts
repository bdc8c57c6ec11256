import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { run } from '../install/run.ts';
import { answerOf, startPart } from './part.ts';

/** Keystone with its own database, the project `admin` and the user `admin`. */
export interface Keystone {
  /** Of the API, without a version. */
  readonly url: string;
  readonly password: string;
  stop(): Promise<void>;
}

const START_WITHIN = 120_000;

/** Serves on a free port, and says which. */
const SERVE = `import sys
from werkzeug.serving import make_server
sys.argv = ['keystone']
from keystone.wsgi.api import application
server = make_server('127.0.0.1', 0, application, threaded=True)
print('Listening on', server.server_port, flush=True)
server.serve_forever()
`;
const MANAGE = 'from keystone.cmd.manage import main; main()';

/** Starts Keystone on a free port of loopback. `python` is that of `installKeystone`. */
export async function startKeystone(python: string): Promise<Keystone> {
  const home = temporaryDirectory();
  const password = secret('keystone-password');
  const configuration = prepareHome(home.path);
  const manage = (command: string) =>
    run({
      label: `keystone-manage ${command}`,
      command: python,
      args: ['-c', MANAGE, '--config-file', configuration, command],
      env: { OS_BOOTSTRAP_PASSWORD: password },
    });
  await manage('db_sync');
  await manage('bootstrap');
  const part = startPart({
    label: 'Keystone',
    command: python,
    args: ['-c', SERVE],
    env: { OS_KEYSTONE_CONFIG_DIR: home.path, OS_KEYSTONE_CONFIG_FILES: 'keystone.conf' },
  });
  const stop = async (): Promise<void> => {
    await part.stop();
    home.remove();
  };
  try {
    const port = async () => /Listening on (\d+)/.exec(part.said())?.[1];
    const url = `http://127.0.0.1:${await part.until('the start of Keystone', port, START_WITHIN)}`;
    await part.until('an answer of Keystone', () => answerOf(`${url}/v3`), START_WITHIN);
    return { url, password, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Writes the configuration, and the keys of Fernet tokens and receipts: Keystone starts only where both can be read. */
function prepareHome(home: string): string {
  for (const folder of ['fernet', 'credential']) {
    mkdirSync(join(home, folder), { mode: 0o700 });
    for (const name of ['0', '1']) {
      const key = randomBytes(32).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
      writeFileSync(join(home, folder, name), key, { mode: 0o600 });
    }
  }
  const file = join(home, 'keystone.conf');
  writeFileSync(
    file,
    `[DEFAULT]
log_file = ${join(home, 'keystone.log')}
[database]
connection = sqlite:///${join(home, 'keystone.db')}
[fernet_tokens]
key_repository = ${join(home, 'fernet')}
[fernet_receipts]
key_repository = ${join(home, 'fernet')}
[credential]
key_repository = ${join(home, 'credential')}
[token]
expiration = 600
[identity]
password_hash_rounds = 4
`,
  );
  return file;
}
