// Makes a call for each line of standard input, which names its number, method, URL and file of the body.
import { openAsBlob } from 'node:fs';
import { createInterface } from 'node:readline';
import { authorizedFetch, mountedTokens, type ReissueOptions } from '../../../../src/client/index.ts';

const env = (name: string): string => process.env[name] ?? '';

const reissue: ReissueOptions = {
  url: env('REISSUE_URL'),
  namespace: env('REISSUE_NAMESPACE'),
  secret: env('REISSUE_SECRET'),
  callerTokenFile: env('CALLER_TOKEN_FILE'),
  caFile: process.env['CA_FILE'],
};
const tokens = mountedTokens({
  directory: env('TOKEN_DIRECTORY'),
  rereadFor: Number(process.env['REREAD_FOR'] ?? 10) * 1000,
  ...(reissue.url !== '' && { reissue }),
});
const call = authorizedFetch(tokens.source('dynamics'), { origins: [env('ORIGIN')] });

async function answerTo(method: string, url: string, file: string): Promise<string> {
  try {
    const streamed = file.startsWith('stream:');
    const blob = file === '-' ? undefined : await openAsBlob(streamed ? file.slice('stream:'.length) : file);
    const body = streamed ? (blob?.stream() ?? null) : ((await blob?.arrayBuffer()) ?? null);
    const response = await call(url, { method, body, ...(streamed && { duplex: 'half' as const }) });
    await response.arrayBuffer();
    return String(response.status);
  } catch (error) {
    return `error ${String(error)}`;
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [number, method = '', url = '', file = '-'] = line.split('\t');
  void answerTo(method, url, file).then((answer) => process.stdout.write(`${number}\t${answer}\n`));
});
