import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { accept, send } from './kubernetes-api-forwards.ts';

/** How a command in a container ends. */
export type ExecAnswer =
  | { readonly code: number; readonly out?: string; readonly error?: string }
  /** What the API server reports instead of an exit code. */
  | { readonly message: string }
  /** The connection is not opened. */
  | { readonly status: number }
  | { readonly lost: true };

export interface ExecCall {
  /** `namespace/pod/container` */
  readonly container: string;
  readonly command: readonly string[];
}

const PATH = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/exec$/;
const [OUT, ERROR, STATUS] = [1, 2, 3];
const CLOSED = Buffer.from([0x88, 0]);

/** The commands that are run in pods, over WebSockets. */
export class Execs {
  /** What a command does; by default no container has any program. */
  answer: (call: ExecCall) => ExecAnswer = () => ABSENT;
  readonly calls: ExecCall[] = [];

  /** Returns whether the request is for a command. */
  start(request: IncomingMessage, socket: Duplex): boolean {
    const url = new URL(request.url ?? '', 'http://localhost');
    const [, namespace, pod] = PATH.exec(url.pathname) ?? [];
    if (namespace === undefined) return false;
    const container = `${namespace}/${pod}/${url.searchParams.get('container')}`;
    const call = { container, command: url.searchParams.getAll('command') };
    this.calls.push(call);
    reply(request, socket, this.answer(call));
    return true;
  }
}

/** As containerd words it. */
export const ABSENT: ExecAnswer = {
  message: 'error executing command in container: exec: "x": executable file not found in $PATH: unknown',
};

function reply(request: IncomingMessage, socket: Duplex, answer: ExecAnswer): void {
  socket.on('error', () => socket.destroy());
  if ('status' in answer) {
    socket.end(`HTTP/1.1 ${answer.status} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    return;
  }
  accept(request, socket);
  if ('code' in answer) {
    send(socket, OUT, Buffer.from(answer.out ?? ''));
    send(socket, ERROR, Buffer.from(answer.error ?? ''));
  }
  if (!('lost' in answer)) send(socket, STATUS, Buffer.from(JSON.stringify(statusOf(answer))));
  socket.end(CLOSED);
}

function statusOf(answer: { readonly code: number } | { readonly message: string }): object {
  if ('message' in answer) return { status: 'Failure', reason: 'InternalError', message: answer.message, code: 500 };
  if (answer.code === 0) return { status: 'Success' };
  const causes = [{ reason: 'ExitCode', message: String(answer.code) }];
  return { status: 'Failure', reason: 'NonZeroExitCode', details: { causes } };
}
