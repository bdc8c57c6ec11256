import type { CredentialKey } from '../../core/credential.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import { identityText } from '../../core/token.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import type { Configuration } from '../configuration/resolve.ts';
import type { TokenSpecification } from '../specification.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';
import type { CommandOutput } from './status-command.ts';

/** Checks what the configuration needs of its credentials. Throws CommandFailed with every fault. */
export async function validateCommand(
  configuration: Configuration,
  credentials: CredentialSource | undefined,
  output: CommandOutput,
): Promise<void> {
  const faults: string[] = [];
  for (const token of credentials === undefined ? [] : configuration.tokens) {
    const method = configuration.servers[token.authorizationServer]?.clientAuthentication ?? 'none';
    faults.push(...(await credentialFaults(token, method, credentials as CredentialSource)));
  }
  if (faults.length > 0)
    throw new CommandFailed(
      EXIT.usage,
      `The credentials have faults:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  const checked =
    credentials === undefined
      ? 'the credentials were not looked at (name them with --credentials)'
      : 'the credentials are complete';
  output.out(`The configuration is valid: ${counted(configuration.tokens.length)}; ${checked}.\n`);
}

async function credentialFaults(
  token: TokenSpecification,
  method: string,
  credentials: CredentialSource,
): Promise<string[]> {
  const where = identityText(token.identity);
  try {
    const { values } = await credentials.read(token.credential);
    await credentials.interval(token.credential);
    const missing = neededKeys(token, method).filter((key) => values[key] === undefined);
    return missing.map((key) => `${where}: the credential ${token.credential} has no file ${key}; put one there.`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [`${where}: ${messageOf(error)}`];
  }
}

function neededKeys({ grant }: TokenSpecification, method: string): CredentialKey[] {
  const keys: CredentialKey[] = ['client_id'];
  if (method.startsWith('client_secret')) keys.push('client_secret');
  if (method === 'private_key_jwt' || method === 'tls_client_auth') keys.push('private_key');
  if (method === 'tls_client_auth') keys.push('certificate');
  if (grant === 'password') keys.push('username', 'password');
  if (grant === 'refresh_token') keys.push('refresh_token');
  return keys;
}

function counted(tokens: number): string {
  return tokens === 1 ? '1 token' : `${tokens} tokens`;
}
