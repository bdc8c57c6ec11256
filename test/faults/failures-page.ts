import { ROWS, type RowId } from './rows.ts';

/** What fails, and what becomes of calls in the meantime. */
type Effect = readonly [failure: string, calls: string];

const GO_ON = 'Calls continue with the current token.';
const VALID = 'Calls continue as long as the current token is valid.';
const OTHERS = 'Calls with other tokens are not affected. Calls with this token continue until it expires.';

const GROUPS: readonly (readonly [heading: string, effects: Partial<Record<RowId, Effect>>])[] = [
  [
    'The authorization server',
    {
      F1: ['It rejects connections when a renewal is due', VALID],
      F2: [
        'It is down past the expiry',
        'Calls fail after the expiry. They succeed again within seconds of its return.',
      ],
      F3: ['It hangs, or sends its answer byte by byte', VALID],
      F4: ['It answers 429 with `Retry-After`', VALID],
      F5: ['It answers 500, 502, 503 or 504', VALID],
      F6: ['It rejects the credential', VALID],
      F7: ['It answers `invalid_grant` or `invalid_scope`', VALID],
      F8: ['It answers with something that is not a token', VALID],
      F9: ['It states no lifetime, or an impossible one', GO_ON],
      F10: ['It returns the same token again', VALID],
      F33: ['Its name is resolved slowly, or not at all', VALID],
      F34: ['It closes a connection while a request is sent', VALID],
    },
  ],
  [
    'The gateway and the clients',
    {
      F11: ['The gateway accepts a new token only after a while', 'Calls continue with the previous token.'],
      F13: ['Many clients see a revoked token together', 'Each call is sent again with the new token. None fails.'],
      F14: ['A client reports a token that was replaced long ago', GO_ON],
      F15: ['The gateway rejects every token', "Calls fail, and the gateway's answer reaches the caller."],
      F16: [
        'A request with a body is rejected',
        'Bodies of at most 64 KiB are sent again once. Larger ones, and streams that broke, fail with the answer of the gateway.',
      ],
      F35: ['The reissue endpoint cannot be reached', 'Calls wait up to 10 s for the volume to have another token.'],
    },
  ],
  [
    'The cluster',
    {
      F17: ['The API server is down', 'Calls continue. A new token reaches clients by the reissue endpoint.'],
      F18: ['The API server answers 409, 429 or 504', GO_ON],
      F19: ['Someone deletes, edits or relabels a token Secret', OTHERS],
      F20: ['A token Secret is immutable or too large', OTHERS],
      F21: ['The namespace ends, or the permission is removed', OTHERS],
      F22: ['Watches are dropped, expire or stay silent', GO_ON],
      F23: ['The ServiceAccount token is rotated', GO_ON],
      F24: ['A CA is rotated', GO_ON],
      F29: ['The kubelet updates the volume 90 s late', 'Calls continue with the token of the reissue endpoint.'],
      F37: ['etcd is full', 'Calls continue. A new token reaches clients by the reissue endpoint.'],
    },
  ],
  [
    'The token-acquirer',
    {
      F12: [
        'The machine is suspended, or a clock jumps',
        'Calls fail only if the token expires during the suspension.',
      ],
      F25: ['It is killed before it stores a new token', VALID],
      F26: ['It is killed while it uses a rotating refresh token', VALID],
      F27: ['Two run together, or the leader is paused', GO_ON],
      F28: ['It is stopped during reissues', 'Every reissue in flight is answered.'],
      F36: ['Thousands of tokens are due together', GO_ON],
      F38: ['Its configuration becomes invalid', GO_ON],
      F39: ['Its event loop stalls', GO_ON],
      F40: ['Nobody reads its log', GO_ON],
    },
  ],
  [
    'The token volume',
    {
      F30: ['The volume changes while a client reads it', GO_ON],
      F31: ['Nothing can be watched', 'Calls continue. A new token is seen within 2 s.'],
      F32: [
        'The token file is empty, binary, huge or unreadable',
        'Calls continue with the last good token until it expires.',
      ],
    },
  ],
];

const BEGINNING = `# Failures

For operators who want to know what happens to calls when something fails.

In every row these promises hold: no call fails while a valid token exists, a mounted token stays valid, and at most one token request is in flight
for each token. Nothing secret is logged, and retries are bounded. The tests of these rows make each failure while a client calls all the time. The column
"test" names the test: \`npm run test:faults -- -t 'F13:'\`.
`;

/** Returns the document for operators, `docs/explain/failures.md`. */
export function failuresPage(): string {
  const groups = GROUPS.map(([heading, effects]) => {
    const lines = Object.entries(effects).map(([id, [failure, calls]]) => {
      const { what } = ROWS[id as RowId];
      return `| ${failure} | ${calls} | ${what} | ${id} |`;
    });
    return [
      `## ${heading}`,
      '',
      '| failure | calls | what the test shows: it | test |',
      '| --- | --- | --- | --- |',
      ...lines,
    ];
  });
  return `${BEGINNING}\n${groups.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Returns the ids that the document has. */
export function idsOfPage(): string[] {
  return GROUPS.flatMap(([, effects]) => Object.keys(effects));
}
