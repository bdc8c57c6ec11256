import type { ReissueOptions } from '../../client/index.ts';
import { DURATION_FORM } from '../../core/duration.ts';
import { isLabel } from '../../core/names.ts';
import type { Ms } from '../../core/token.ts';
import { type Environment, Reader, readReissue } from '../config.ts';
import { namedOrigin } from './git-origin.ts';

export type Output = 'token' | 'exec-credential' | 'git-credential';

export interface TokenCommand {
  readonly name: string;
  readonly output: Output;
  /** Whether the token that the volume has now was rejected. */
  readonly rejected: boolean;
  /** What git asks for. */
  readonly operation: string;
  readonly username: string;
  /** The only one that git gets the token for. */
  readonly origin: string | undefined;
  /** `undefined`: the token is kept nowhere, and the token-acquirer returns it. */
  readonly tokenDirectory: string | undefined;
  readonly reissue: ReissueOptions | undefined;
  readonly patience: Ms;
}

export const TOKEN_HELP = `Usage: client-app token NAME [--rejected] [--output FORM] [--origin URL] [--username NAME]

Prints a valid token, for tools that run a command to get one. The token comes from the token volume. If it has expired or was
rejected, the token-acquirer is asked for another one. Nothing else is written to standard output.

  --rejected       the token in the volume was answered with a 401: print another one
  --output FORM    token            the access token, without a newline unless standard output is a terminal (default)
                   exec-credential  an ExecCredential, for users of a kubeconfig
                   git-credential   for git, which adds get, store or erase; erase reports a password that was rejected
  --origin URL     for git-credential, and required there: the only server that gets the token, such as https://git.example.com
  --username NAME  user name for git-credential; default oauth2

Environment
  TOKEN_DIRECTORY    where the token volume is mounted; without it, REISSUE_URL returns the token (delivery: endpoint)
  REISSUE_URL        URL of the token-acquirer, as https://host:port; without it, another token can only come from the volume
  REISSUE_NAMESPACE  namespace of the token Secret
  REISSUE_SECRET     name of the token Secret
  CALLER_TOKEN_FILE  file of the ServiceAccount token that is projected for the token-acquirer's audience
  CA_FILE            CA certificates that verify the token-acquirer, instead of the public CAs
  PATIENCE           how long to wait for a token: ${DURATION_FORM}; default 10s

Exit codes: 0 success; 1 no valid token came in time, with the reason on standard error; 2 invalid arguments or environment.
`;

const ORIGIN_MISSING =
  'git-credential needs --origin with the scheme, host and port of the server that gets the token, such as https://git.example.com.';

const OUTPUTS: readonly Output[] = ['token', 'exec-credential', 'git-credential'];

/** Reads arguments and environment. Throws UsageError with all errors, one per line. It quotes no value of the environment. */
export function readTokenCommand(args: readonly string[], environment: Environment): TokenCommand {
  const reader = new Reader(environment);
  const given = readArguments(args, reader);
  const command = {
    ...given,
    tokenDirectory: reader.optional('TOKEN_DIRECTORY'),
    reissue: readReissue(reader),
    patience: reader.duration('PATIENCE', '10s'),
  };
  if (command.tokenDirectory === undefined && reader.optional('REISSUE_URL') === undefined) {
    reader.fault('Neither TOKEN_DIRECTORY nor REISSUE_URL is set: say where the token comes from.');
  }
  reader.finish();
  return command;
}

const OPTIONS = { '--output': 'output', '--username': 'username', '--origin': 'origin' } as const;

type Given = Pick<TokenCommand, 'name' | 'output' | 'rejected' | 'operation' | 'username' | 'origin'>;

function readArguments(args: readonly string[], reader: Reader): Given {
  const options = { output: 'token', username: 'oauth2', origin: '' };
  const words: string[] = [];
  let rejected = false;
  for (let at = 0; at < args.length; at += 1) {
    const [option = '', ...value] = (args[at] ?? '').split('=');
    if (option === '--rejected' && value.length === 0) rejected = true;
    else if (option === '--output' || option === '--username' || option === '--origin') {
      const text = value.length > 0 ? value.join('=') : args[(at += 1)];
      options[OPTIONS[option]] = text ?? '';
    } else if (option.startsWith('-')) reader.fault(`${JSON.stringify(option)} is not an option of client-app token.`);
    else words.push(args[at] ?? '');
  }
  const output = OUTPUTS.find((known) => known === options.output);
  if (output === undefined) reader.fault(`--output takes ${OUTPUTS.join(', ')}.`);
  if (!/^[\x20-\x7e]+$/.test(options.username)) reader.fault('--username takes a name in visible ASCII.');
  const [name, operation = 'get'] = words;
  if (name === undefined) reader.fault('No token is named.');
  else if (!isLabel(name)) reader.fault('The name of the token is not a DNS label: a-z, 0-9 and - may be in it.');
  if (words.length > (output === 'git-credential' ? 2 : 1)) reader.fault('Only one token can be named.');
  const origin = namedOrigin(options.origin);
  if (origin === undefined && (output === 'git-credential' || options.origin !== '')) reader.fault(ORIGIN_MISSING);
  return { name: name ?? '', output: output ?? 'token', rejected, operation, username: options.username, origin };
}
