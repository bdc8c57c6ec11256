import type { Measured, Row } from '../benchmark.ts';

/** A sentence for a row, by the names of its benchmark and itself. */
interface Finding {
  readonly benchmark: string;
  readonly row: string;
  readonly sentence: (row: Row) => string;
}

const FINDINGS: readonly Finding[] = [
  {
    benchmark: 'rejections',
    row: 'requests, 1,000 clients',
    sentence: ({ ours, reference }) =>
      `When a token of 1,000 clients is revoked, the authorization server gets ${requests(ours)}. It would get ${reference} if each client requested its own.`,
  },
  {
    benchmark: 'cluster',
    row: 'revoked → success, p50',
    sentence: ({ ours }) => `In a cluster, a call with a revoked token succeeds after ${ours} (median).`,
  },
  {
    benchmark: 'cluster',
    row: 'API requests for a change',
    sentence: ({ ours }) => `A renewal costs the Kubernetes API server ${requests(ours.replace(/ \(.*/, ''))}.`,
  },
  {
    benchmark: 'sidecar',
    row: 'processor time for a request',
    sentence: ({ ours }) => `The Envoy sidecar takes ${ours} of processor time for each request.`,
  },
  {
    benchmark: 'memory',
    row: 'a token, between 1,000 and 10,000',
    sentence: ({ ours }) => `Each further token takes ${ours} of memory.`,
  },
  {
    benchmark: 'cluster',
    row: 'image token-acquirer, compressed',
    sentence: ({ ours }) => `The image is ${ours} to pull.`,
  },
];

/** Returns what a buyer wants to know, as far as it was measured. */
export function summaryOf(measured: readonly Measured[]): readonly string[] {
  return FINDINGS.flatMap(({ benchmark, row, sentence }) => {
    const rows = measured.find((one) => one.benchmark.name === benchmark)?.rows;
    const found = rows?.find(({ name }) => name === row);
    return found === undefined ? [] : [sentence(found)];
  });
}

function requests(count: string): string {
  return count === '1' ? 'one request' : `${count} requests`;
}
