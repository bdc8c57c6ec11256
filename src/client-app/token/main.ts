import { text } from 'node:stream/consumers';
import { endpointTokens, mountedTokens, type Tokens } from '../../client/index.ts';
import { messageOf } from '../../core/errors.ts';
import { sha256 } from '../../core/token.ts';
import { readTokenCommand, TOKEN_HELP, type TokenCommand } from './config.ts';
import { askedOrigin } from './git-origin.ts';
import { obtain, type Rejected } from './obtain.ts';
import { execCredential, gitCredential, parseGitAttributes } from './output.ts';

/** `client-app token`: resolves with the exit code. Throws UsageError for a wrong call. */
export async function runToken(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(TOKEN_HELP);
    return 0;
  }
  const command = readTokenCommand(args, process.env);
  const faults: string[] = [];
  const tokens = open(command, ({ message }) => faults.push(message));
  try {
    await (command.output === 'git-credential' ? answerGit(command, tokens) : print(command, tokens));
    return 0;
  } catch (error) {
    for (const sentence of new Set([...faults, messageOf(error)])) process.stderr.write(`${sentence}\n`);
    return 1;
  } finally {
    tokens.close();
  }
}

function open({ tokenDirectory, reissue, patience }: TokenCommand, onFault: (fault: Error) => void): Tokens {
  if (tokenDirectory !== undefined)
    return mountedTokens({ directory: tokenDirectory, reissue, onFault, rereadFor: patience });
  // The configuration has one of the two.
  if (reissue === undefined) throw new Error('Neither TOKEN_DIRECTORY nor REISSUE_URL is set.');
  return endpointTokens({ reissue, onFault, rereadFor: patience });
}

async function print({ name, output, rejected, patience }: TokenCommand, tokens: Tokens): Promise<void> {
  const token = await obtain(tokens.source(name), rejected ? 'current' : undefined, patience);
  if (output === 'exec-credential') {
    process.stdout.write(execCredential(token, process.env['KUBERNETES_EXEC_INFO']));
  } else process.stdout.write(token.accessToken.reveal() + (process.stdout.isTTY ? '\n' : ''));
}

/**
 * git asks with a description on standard input, and goes on with what it gets. It may ask for any server, such as that
 * of a submodule, so there is nothing for others than the named one.
 */
async function answerGit(command: TokenCommand, tokens: Tokens): Promise<void> {
  const { name, operation, username, patience } = command;
  const asked = parseGitAttributes(await text(process.stdin));
  if (command.origin === undefined || askedOrigin(asked) !== command.origin) return;
  const password = asked.get('password');
  if (operation === 'erase' && password !== undefined) {
    await obtain(tokens.source(name), { sha256: sha256(password) }, patience);
  }
  if (operation !== 'get') return;
  try {
    const rejected: Rejected = command.rejected ? 'current' : undefined;
    process.stdout.write(gitCredential(await obtain(tokens.source(name), rejected, patience), username));
  } catch (error) {
    // Otherwise git would ask for a password on the terminal.
    process.stdout.write('quit=1\n');
    throw error;
  }
}
