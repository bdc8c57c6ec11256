import { fileURLToPath } from 'node:url';
import type { App } from './cast.ts';
import { NAMESPACE, TOKEN } from './cast.ts';
import type { Workspace } from './workspace.ts';

/** The command of one process of the demo. It holds no secret, because every user of the machine can read it. */
export interface Command {
  readonly name: string;
  /** Of Node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Marks the processes of one demo, so that they can be found. */
export const MARK = 'TOKEN_ACQUIRER_DEMO';

const LOOPBACK = '127.0.0.1:0';

export type Part = 'authorization-server' | 'gateway' | 'incident-desk';

/** A part that only the demo has; it gets the rest by IPC. */
export function partCommand(part: Part, mark: string): Command {
  return { name: part, args: [path(`./${part}-main.ts`)], env: { [MARK]: mark }, cwd: '/' };
}

export function acquirerCommand(workspace: Workspace, mark: string): Command {
  const options = {
    '--config': workspace.configFile,
    '--credentials': workspace.credentials,
    '--token-directory': workspace.tokenDirectory,
    '--state': workspace.state,
    '--listen': LOOPBACK,
    '--status-listen': LOOPBACK,
    // Shorter than the demo's patience, so that it ends in order.
    '--grace': '1s',
  };
  return {
    name: 'token-acquirer',
    args: [...guarded('../token-acquirer/main.ts'), 'run', ...Object.entries(options).flat()],
    env: { [MARK]: mark },
    cwd: '/',
  };
}

export interface ClientAppAddresses {
  readonly gateway: string;
  readonly reissue: string;
}

/** Nothing here leads to the credentials: the app knows its own volume, its caller token and two addresses. */
export function clientAppCommand(app: App, workspace: Workspace, addresses: ClientAppAddresses, mark: string): Command {
  return {
    name: app.name,
    args: guarded('../client-app/main.ts'),
    env: {
      [MARK]: mark,
      SERVICE_URL: `${addresses.gateway}/incidents`,
      TOKEN_DIRECTORY: workspace.volumeOf(app),
      TOKEN_NAME: TOKEN,
      REISSUE_URL: addresses.reissue,
      REISSUE_NAMESPACE: NAMESPACE,
      REISSUE_SECRET: app.name,
      CALLER_TOKEN_FILE: workspace.callerTokenFileOf(app),
      CALL_EVERY: '1s',
      LISTEN: LOOPBACK,
    },
    cwd: workspace.folderOf(app),
  };
}

/** A program that is no part of the demo, with what ends it when the demo has ended. */
function guarded(main: string): string[] {
  return ['--import', path('./child-guard.ts'), path(main)];
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
