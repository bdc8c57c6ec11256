import type { ServerResponse } from 'node:http';
import type { ApiRequest } from './kubernetes-api-requests.ts';
import { notFound, Rejection } from './kubernetes-api-status.ts';

interface Written {
  readonly at: number;
  /** With its line break. */
  readonly text: string;
}

/** The output of one container, as a kubelet keeps it. */
class Output {
  readonly #written: Written[] = [];
  readonly #readers = new Set<ServerResponse>();
  #order = 0;

  get readers(): number {
    return this.#readers.size;
  }

  write(text: string, at: number): void {
    this.#order += 1;
    // Nanoseconds distinguish lines of the same millisecond.
    const stamp = new Date(at).toISOString().replace('Z', `${String(this.#order % 1_000_000).padStart(6, '0')}Z`);
    const line = { at, text: `${stamp} ${text}\n` };
    this.#written.push(line);
    for (const reader of this.#readers) reader.write(line.text);
  }

  /** Forgets what was written, as a rotation does with a log that was rotated before. */
  forget(): void {
    this.#written.length = 0;
  }

  read(since: number, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.flushHeaders();
    for (const { at, text } of this.#written) if (at >= since) response.write(text);
    this.#readers.add(response);
    response.on('close', () => this.#readers.delete(response));
  }

  /** The container ended, or the kubelet did. */
  end(): void {
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  /** Breaks all connections. */
  cut(): void {
    for (const reader of this.#readers) reader.socket?.resetAndDestroy();
    this.#readers.clear();
  }
}

/** The log API: `/api/v1/namespaces/NAMESPACE/pods/POD/log`. */
export class Logs {
  readonly #outputs = new Map<string, Output>();

  /** The output of a container, which exists from now on. `pod`: its path. */
  of(pod: string, container = 'app'): Output {
    const key = `${pod}/log ${container}`;
    const output = this.#outputs.get(key) ?? new Output();
    this.#outputs.set(key, output);
    return output;
  }

  /** How many logs are being followed. */
  get open(): number {
    return [...this.#outputs.values()].reduce((sum, { readers }) => sum + readers, 0);
  }

  /** Whether the request is for a log. */
  start({ method, path, query }: ApiRequest, response: ServerResponse): boolean {
    if (method !== 'GET' || !/\/pods\/[^/]+\/log$/.test(path)) return false;
    const output = this.#outputs.get(`${path} ${query.get('container')}`);
    if (output === undefined) {
      const pod = path.split('/').at(-2) ?? '';
      if ([...this.#outputs.keys()].some((key) => key.startsWith(`${path} `)))
        throw new Rejection(400, 'BadRequest', `container ${query.get('container')} is not valid for pod ${pod}`);
      throw notFound('pods', pod);
    }
    output.read(Date.parse(query.get('sinceTime') ?? '1970-01-01T00:00:00Z'), response);
    return true;
  }
}
