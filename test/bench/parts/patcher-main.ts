// Patches Secrets as fast as the API server takes it: what a token-acquirer is compared with.
import { randomBytes } from 'node:crypto';
import { Agent } from 'undici';
import { servePart } from './part.ts';

interface Instructions {
  /** `https://host:port`, its CA, and a token that may patch. */
  readonly server: string;
  readonly authority: string;
  readonly token: string;
  /** Paths of Secrets. */
  readonly secrets: readonly string[];
  /** Tokens in each, and the length of one. */
  readonly tokens: number;
  readonly length: number;
}

/** Patches one token after the other, this many in all. */
export interface PatcherAsk {
  readonly patches: number;
}

/** Milliseconds that they took. */
export type PatcherAnswer = number;

const AT_ONCE = 16;
/** What the document of a token has in addition to the token, about. */
const DOCUMENT = 520;

const base64 = (length: number): string =>
  Buffer.from(randomBytes(length).toString('hex').slice(0, length)).toString('base64');

servePart<Instructions, PatcherAsk>(async ({ server, authority, token, secrets, tokens, length }) => {
  const agent = new Agent({ connect: { ca: authority }, connections: AT_ONCE });
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json-patch+json',
    accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  };
  let last = 0;
  const patch = async (): Promise<void> => {
    const number = last;
    last += 1;
    const key = `token-${Math.floor(number / secrets.length) % tokens}`;
    const body = JSON.stringify([
      { op: 'add', path: `/data/${key}`, value: base64(length) },
      { op: 'add', path: `/data/${key}.json`, value: base64(length + DOCUMENT) },
    ]);
    const path = secrets[number % secrets.length] ?? '';
    const answer = await agent.request({ origin: server, path, method: 'PATCH', headers, body });
    await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`A patch was answered with ${answer.statusCode}.`);
  };
  const answer = async ({ patches }: PatcherAsk): Promise<PatcherAnswer> => {
    let left = patches;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await patch();
      }
    };
    const began = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return performance.now() - began;
  };
  return { ready: {}, answer };
});
