import { messageOf, UsageError } from '../../core/errors.ts';
import { faultAtOrigin, type OriginOf } from '../../core/file-origin.ts';
import { intervalWarning } from '../../core/renewal.ts';
import { identityText } from '../../core/token.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import type { Configuration } from '../configuration/resolve.ts';
import type { TokenSpecification } from '../token/specification.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';
import type { CommandOutput } from './terminal-output.ts';

/** An error of a CA file, as a predicate; `isMissing` where it does not exist. */
export interface CaFileFault {
  readonly message: string;
  readonly isMissing: boolean;
}

export interface ValidateDependencies {
  /** Left out: credentials are not checked, and files that are missing may be mounted elsewhere. */
  readonly credentials: CredentialSource | undefined;
  /** `undefined` where the file can be used. */
  readonly caFileFault: (path: string) => CaFileFault | undefined;
  /** Of which ConfigMap or Secret a file is a copy. */
  readonly originOf?: OriginOf;
  readonly output: CommandOutput;
}

/** Checks the files that the configuration needs. Throws CommandFailed with every error in them. */
export async function validateCommand(
  configuration: Configuration,
  { credentials, caFileFault, originOf, output }: ValidateDependencies,
): Promise<void> {
  const faults: string[] = [];
  for (const token of credentials === undefined ? [] : configuration.tokens) {
    faults.push(...(await credentialFaults(token, credentials as CredentialSource)));
  }
  const unusable = caFilesOf(configuration).flatMap(({ key, path }) => {
    const fault = caFileFault(path);
    if (fault === undefined || (fault.isMissing && credentials === undefined)) return [];
    const origin = originOf?.(path);
    return [
      `${key}: ${origin === undefined ? `The CA file ${path} ${fault.message}.` : faultAtOrigin('The CA', fault, origin)}`,
    ];
  });
  const sections = [...section('The credentials have errors:', faults), ...section('CA files have errors:', unusable)];
  if (sections.length > 0) throw new CommandFailed(EXIT.usage, sections.join('\n'));
  const checked =
    credentials === undefined
      ? 'the credentials were not checked (name them with --credentials)'
      : 'the credentials are complete';
  const warnings = [
    ...(await intervalWarnings(configuration, credentials)),
    ...(await secretWarnings(configuration, credentials)),
  ];
  for (const warning of warnings) output.error(`Warning: ${warning}\n`);
  output.out(`The configuration is valid: ${counted(configuration.tokens.length)}; ${checked}.\n`);
}

function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [heading, ...lines.map((line) => `  ${line}`)];
}

function caFilesOf({ servers, endpoint }: Configuration): { readonly key: string; readonly path: string }[] {
  const named = Object.entries(servers).map(([name, { caFile }]) => ({
    key: `authorizationServers.${name}.caFile`,
    path: caFile,
  }));
  return [...named, { key: 'endpoint.caFile', path: endpoint?.caFile }].flatMap(({ key, path }) =>
    path === undefined ? [] : [{ key, path }],
  );
}

/** Returns a sentence for each very short interval. The interval of a credential wins over those of its tokens. */
async function intervalWarnings({ tokens }: Configuration, credentials?: CredentialSource): Promise<string[]> {
  const warnings = new Map<string, string>();
  for (const { identity, credential, renewal } of tokens) {
    const own = await credentials?.interval(credential);
    const interval = own ?? ('interval' in renewal ? renewal.interval : undefined);
    const warning = interval === undefined ? undefined : intervalWarning(interval);
    const where = own === undefined ? identityText(identity) : `The credential ${credential}`;
    if (warning !== undefined) warnings.set(where, `${where}: ${warning}`);
  }
  return [...warnings.values()];
}

/** Returns a sentence for each second secret that nothing would send. */
async function secretWarnings({ tokens }: Configuration, credentials?: CredentialSource): Promise<string[]> {
  const warnings = new Set<string>();
  for (const { credential, neededKeys } of credentials === undefined ? [] : tokens) {
    const { values } = await (credentials as CredentialSource).read(credential);
    const { client_secret: first, client_secret_next: next } = values;
    if (next === undefined) continue;
    if (!neededKeys.includes('client_secret')) {
      warnings.add(
        `The credential ${credential}: client_secret_next is never sent, because the client authentication uses no secret. Remove it.`,
      );
    } else if (next.reveal() === first?.reveal()) {
      warnings.add(
        `The credential ${credential}: client_secret_next is the same as client_secret, so no second secret is in reserve.`,
      );
    }
  }
  return [...warnings];
}

/** Returns a sentence for each key that the credential of a token lacks. */
export async function credentialFaults(token: TokenSpecification, credentials: CredentialSource): Promise<string[]> {
  const where = identityText(token.identity);
  try {
    const { values } = await credentials.read(token.credential);
    await credentials.interval(token.credential);
    const { fault } = await credentials.expiry(token.credential);
    const missing = token.neededKeys.filter((key) => values[key] === undefined);
    const faults = missing.map(
      (key) =>
        `${where}: the credential ${token.credential} has no file ${key}. Add it with token-acquirer credentials set.`,
    );
    return fault === undefined ? faults : [...faults, `${where}: ${fault}`];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [`${where}: ${messageOf(error)}`];
  }
}

function counted(tokens: number): string {
  return tokens === 1 ? '1 token' : `${tokens} tokens`;
}
