import { parseArgs } from 'node:util';

export type Options =
  | { readonly kind: 'run'; readonly once: boolean }
  | { readonly kind: 'help' }
  | { readonly kind: 'error'; readonly message: string };

export const HELP = `Runs the whole of token-acquirer on this machine, without a cluster: an authorization server, an API gateway, an
external service, the token-acquirer and two client apps, each in its own process, on loopback.

  npm run demo              runs on until Ctrl-C, with a page to see it live and act on it
  npm run demo -- --once    plays six scenes in about a minute, prints what was seen, exits 0 if all held
  npm run demo -- --help    prints this

Colors appear only on a terminal, and never with NO_COLOR set.
`;

/** Reads the arguments. An error is a sentence with the next step. */
export function parseOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { once: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    });
    return values.help ? { kind: 'help' } : { kind: 'run', once: values.once };
  } catch {
    return { kind: 'error', message: 'The demo takes no arguments except --once and --help.' };
  }
}
