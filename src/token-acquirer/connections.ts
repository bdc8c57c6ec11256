import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** The connections of a server and what is being answered on them: so it can end in time, whatever its peers do. */
export class Connections {
  readonly #open = new Set<Socket>();
  #answering = 0;
  #quiet: (() => void)[] = [];
  #cut = false;

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      if (this.#cut) socket.destroy();
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
    server.on('request', (_request, response) => {
      this.#answering += 1;
      response.once('close', () => {
        this.#answering -= 1;
        if (this.#answering === 0) for (const resolve of this.#quiet.splice(0)) resolve();
      });
    });
  }

  /** Resolves as soon as nothing is being answered. */
  async quiet(): Promise<void> {
    if (this.#answering > 0) await new Promise<void>((resolve) => this.#quiet.push(resolve));
  }

  /** Ends all connections, and each one that is made from now on. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#open) socket.destroy();
  }
}
