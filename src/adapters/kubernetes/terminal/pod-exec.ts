import { type EventEmitter, once } from 'node:events';
import { Writable } from 'node:stream';
import { Exec, type KubeConfig, type V1Status } from '@kubernetes/client-node';

/** A container of a pod. */
export interface ContainerPlace {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** How a command in a container ended. `absent`: the container has no such program. */
export type Executed =
  | { readonly kind: 'ended'; readonly code: number; readonly out: string; readonly error: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly because: string };

const PATIENCE = 20_000;
const LONGEST_OUTPUT = 16_384;
/** What a shell, or a container runtime, returns for a program that it cannot start. */
const NOT_STARTED = new Set([126, 127]);

/** Runs a command in a container, without input. Never rejects. */
export async function execInPod(
  config: KubeConfig,
  { namespace, pod, container }: ContainerPlace,
  command: readonly string[],
): Promise<Executed> {
  const [out, error] = [collector(), collector()];
  const ended = Promise.withResolvers<Executed>();
  const settle = (status: V1Status): void => ended.resolve(executedBy(status, out.text(), error.text()));
  const timer = setTimeout(() => ended.resolve({ kind: 'failed', because: NO_END }), PATIENCE);
  let connection: Connection | undefined;
  try {
    const opening = new Exec(config).exec(
      namespace,
      pod,
      container,
      [...command],
      out.stream,
      error.stream,
      null,
      false,
      settle,
    );
    // A WebSocket, whose types are not among the dependencies.
    const opened: unknown = await Promise.race([opening, ended.promise.then(() => undefined)]);
    connection = opened as Connection | undefined;
    if (connection !== undefined) {
      const lost = once(connection, 'close').then((): Executed => ({ kind: 'failed', because: LOST }));
      // The status comes before the end of the connection.
      void lost.then(ended.resolve, ended.resolve);
    }
    return await ended.promise;
  } catch (failure) {
    return { kind: 'failed', because: openingFailure(failure) };
  } finally {
    clearTimeout(timer);
    connection?.terminate();
  }
}

type Connection = EventEmitter & { terminate(): void };

const NO_END = `a command in it did not end within ${PATIENCE / 1000} s`;
const LOST = 'the connection to it was lost';

function collector(): { readonly stream: Writable; text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text = (text + chunk.toString('utf8')).slice(0, LONGEST_OUTPUT);
      done();
    },
  });
  return { stream, text: () => text };
}

function executedBy({ status, reason, message = '', details }: V1Status, out: string, error: string): Executed {
  if (status === 'Success') return { kind: 'ended', code: 0, out, error };
  const cause = details?.causes?.find((one) => one.reason === 'ExitCode')?.message;
  const code = Number(cause ?? Number.NaN);
  if (NOT_STARTED.has(code) || /executable file not found|no such file or directory/.test(message))
    return { kind: 'absent' };
  if (!Number.isNaN(code)) return { kind: 'ended', code, out, error };
  return { kind: 'failed', because: `no command can be run in it (${reason ?? 'no reason is known'})` };
}

/** What `ws` throws where the API server does not open the connection has its status in a sentence. */
function openingFailure(failure: unknown): string {
  const text = typeof failure === 'object' && failure !== null && 'message' in failure ? String(failure.message) : '';
  const [, code] = /^Unexpected server response: (\d{3})$/.exec(text) ?? [];
  if (code === '403') return 'you may not run commands in it (403)';
  if (code === '404') return 'it does not exist any more (404)';
  return `no command can be run in it (${code === undefined ? 'the API server did not answer' : `HTTP ${code}`})`;
}
