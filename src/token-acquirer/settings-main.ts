import { checkCredentialExists, writeCredentialValue } from '../adapters/fs/credential-writer.ts';
import { promptSilently, readStandardInput } from '../adapters/node/terminal.ts';
import type { OriginOf } from '../core/file-origin.ts';
import { type Destination, type DestinationOptions, destinationOf } from './cli/destination.ts';
import {
  checkUsed,
  type SettingsDependencies,
  setInterval as setRenewalInterval,
  setCredential as setValues,
  type WriteValues,
} from './cli/settings-commands.ts';
import type { CommandOutput } from './cli/terminal-output.ts';
import { loadConfiguration } from './configuration-in-force.ts';

/** What `credentials set` and `interval set` need of the process. */
export interface SettingsSurroundings {
  readonly originOf: OriginOf;
  readonly output: CommandOutput;
}

/** `token-acquirer credentials set` */
export function setCredential(
  credential: string,
  options: DestinationOptions & { readonly key?: string[] },
  { originOf, output }: SettingsSurroundings,
): Promise<void> {
  return writing(destinationOf(credential, options, 'credentials'), checkConfigured(options, originOf), (target) =>
    setValues(credential, options.key, {
      ...target,
      output,
      prompt: promptSilently(),
      readInput: readStandardInput,
    }),
  );
}

/** `token-acquirer interval set` */
export function setInterval(
  credential: string,
  interval: string,
  options: DestinationOptions,
  { originOf, output }: SettingsSurroundings,
): Promise<void> {
  const destination = destinationOf(credential, options, 'interval');
  return writing(destination, checkConfigured(options, originOf), ({ check, write }) =>
    setRenewalInterval(credential, interval, {
      check: async (name) => {
        await check?.(name);
        if (destination.kind === 'folder') checkCredentialExists(destination.root, name);
      },
      write,
      output,
    }),
  );
}

/** A configuration that is named decides which credentials exist, otherwise the cluster does. */
async function writing(
  destination: Destination,
  check: SettingsDependencies['check'],
  act: (target: Pick<SettingsDependencies, 'check' | 'write'>) => Promise<void>,
): Promise<void> {
  if (destination.kind === 'folder') return act({ check, write: folderWriter(destination.root) });
  const { connectTerminal } = await import('./terminal-main.ts');
  const terminal = connectTerminal(destination);
  try {
    await act({ check: check ?? terminal.check, write: terminal.write });
  } finally {
    await terminal.close();
  }
}

/** `undefined` where no configuration is named. */
function checkConfigured({ config }: DestinationOptions, originOf: OriginOf): SettingsDependencies['check'] {
  if (config === undefined) return undefined;
  return async (credential) => checkUsed(credential, config, await loadConfiguration(config, originOf));
}

function folderWriter(root: string): WriteValues {
  return async (credential, values) => {
    for (const [key, value] of values) await writeCredentialValue(root, credential, key, value.reveal());
    return {};
  };
}
