import { createDirectoryCredentialSource } from '../adapters/fs/directory-credential-source.ts';
import { readable } from '../adapters/fs/folders.ts';
import { createTokenFileAuthenticator } from '../adapters/fs/token-file-authenticator.ts';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { inspectCaFile } from '../adapters/tls/ca-file.ts';
import type { OriginOf } from '../core/file-origin.ts';
import type { CommandOutput } from './cli/terminal-output.ts';
import { type ValidateDependencies, validateCommand } from './cli/validate-command.ts';
import { warningsOf } from './configuration/warnings.ts';
import { loadConfiguration } from './configuration-in-force.ts';

/** `token-acquirer validate` */
export async function validate(
  { config, credentials }: { readonly config: string; readonly credentials?: string },
  { originOf, output }: { readonly originOf: OriginOf; readonly output: CommandOutput },
): Promise<void> {
  const clock = createSystemClock();
  const source =
    credentials === undefined ? undefined : createDirectoryCredentialSource(readable(credentials, '--credentials'));
  const configuration = await loadConfiguration(config, originOf);
  const warnings = warningsOf(configuration);
  createTokenFileAuthenticator(configuration.callers, { clock, onFault: (fault) => void warnings.push(fault) });
  const caFileFault: ValidateDependencies['caFileFault'] = (path) => inspectCaFile(path)(clock.now());
  await validateCommand(configuration, { credentials: source, caFileFault, originOf, output });
  for (const warning of warnings) output.error(`Warning: ${warning}\n`);
}
