import { setTimeout as pause } from 'node:timers/promises';
import { outputOf, succeeds } from './command.ts';
import { docker } from './docker.ts';

/** What the API server noted of a request that it answered. The node's own parts are left out. */
export interface AuditedRequest {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  /** RFC 3339, with microseconds. */
  readonly requestReceivedTimestamp: string;
}

export interface ClusterNode {
  /** Runs a command in the node; resolves with its stdout. Throws CommandFailed. */
  exec(command: readonly string[], input?: string): Promise<string>;
  /** `ended`: connections are refused. `frozen`: they are taken, and nobody answers. */
  stopApiServer(how?: 'ended' | 'frozen'): Promise<void>;
  /** Resolves when it is ready to serve. */
  startApiServer(): Promise<void>;
  /** Stops all of the node's processes until `resume`, so that they take no processor time from other tests. */
  suspend(): Promise<void>;
  /** Does nothing where the node runs. */
  resume(): Promise<void>;
  /** The requests that came since, in the order of their answers. A watch is in it once it has ended. */
  requestsSince(time: Date): Promise<AuditedRequest[]>;
}

const STOPPED = '/run/node/api-server-stopped';
const API_SERVER = 'kube-apiserver';
const READY_PATIENCE = 120_000;
const PROBE_PATIENCE = 5000;

/** The project's own node in this container. */
export function nodeIn(container: string): ClusterNode {
  const command = (args: readonly string[], input = '') => ({
    label: `${args[0]} in the node`,
    program: 'docker',
    args: ['exec', '--interactive', container, ...args],
    input,
  });
  const exec: ClusterNode['exec'] = (args, input) => outputOf(command(args, input));
  const signal = (name: string): Promise<boolean> => succeeds(command(['pkill', `-${name}`, '-x', API_SERVER]));
  return {
    exec,
    async stopApiServer(how = 'ended') {
      if (how === 'ended') await exec(['touch', STOPPED]);
      await signal(how === 'ended' ? 'KILL' : 'STOP');
    },
    async startApiServer() {
      await exec(['rm', '-f', STOPPED]);
      await signal('CONT');
      const until = performance.now() + READY_PATIENCE;
      const ready = { ...command(['kubectl', 'get', '--raw=/readyz']), timeout: PROBE_PATIENCE };
      while (!(await succeeds(ready))) {
        if (performance.now() > until) throw new Error('The API server did not become ready again.');
        await pause(200);
      }
    },
    async suspend() {
      await docker(['pause', container]);
    },
    async resume() {
      const isPaused = await docker(['inspect', '--format={{.State.Paused}}', container]);
      if (isPaused.trim() === 'true') await docker(['unpause', container]);
    },
    async requestsSince(time) {
      const lines = (await exec(['cat', '/var/log/node/audit.json'])).split('\n').filter((line) => line !== '');
      return lines
        .map((line) => JSON.parse(line) as AuditedRequest)
        .filter(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp) >= time.getTime());
    },
  };
}
