import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';

export interface NameServer {
  /** `answers`: every name is 127.0.0.1. `silent`: nobody answers. `denies`: no name exists. */
  mode: 'answers' | 'silent' | 'denies';
  stop(): Promise<void>;
}

const HEADER = 12;
const [A_RECORD, NAME_ERROR] = [1, 3];
/** A pointer to the name of the question, an A record of the Internet, 1 s, and 127.0.0.1. */
const LOOPBACK = Buffer.from([0xc0, HEADER, 0, A_RECORD, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);

/** Starts a name server at port 53 of this address of loopback, which only root may do. */
export async function startNameServer(address: string): Promise<NameServer> {
  const socket = createSocket('udp4');
  const server: NameServer = {
    mode: 'answers',
    async stop() {
      socket.close();
      await once(socket, 'close');
    },
  };
  socket.on('message', (query: Buffer, { port, address: from }: RemoteInfo) => {
    if (server.mode !== 'silent') socket.send(answerTo(query, server.mode), port, from);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  return server;
}

function answerTo(query: Buffer, mode: 'answers' | 'denies'): Buffer {
  let end = HEADER;
  while (query[end] !== 0) end += 1 + (query[end] ?? 0);
  const type = query.readUInt16BE(end + 1);
  const question = query.subarray(HEADER, end + 5);
  const answers = mode === 'answers' && type === A_RECORD ? [LOOPBACK] : [];
  const header = Buffer.alloc(HEADER);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (mode === 'denies' ? NAME_ERROR : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, question, ...answers]);
}
