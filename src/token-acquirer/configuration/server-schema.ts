import { z } from 'zod';
import { PROTOCOLS } from './protocols.ts';

/** The keys of an authorization server that this room reads. The others are those of its protocol. */
export interface ServerInput {
  readonly protocol?: string | undefined;
  readonly defaultLifetime?: string | undefined;
}

const NAMES = PROTOCOLS.map(({ name }) => name);
const [first, ...others] = PROTOCOLS.map(({ server }) => server);
if (first === undefined) throw new TypeError('The table of protocols is empty.');

/** An authorization server: its `protocol` decides which other keys it has. */
export const authorizationServerSchema: z.ZodType<ServerInput> = z.discriminatedUnion('protocol', [first, ...others], {
  error: ({ code }) => (code === 'invalid_union' ? `must be one of ${NAMES.join(', ')}` : undefined),
});

/**
 * The keys of a token that its protocol determines. Here they are all optional: which ones a token needs depends on its
 * authorization server (`protocolChecks`). A name has the same form in every protocol.
 */
export function protocolTokenKeys(): object {
  return Object.fromEntries(
    PROTOCOLS.flatMap(({ name, tokenKeys }, index) =>
      Object.entries(tokenKeys).map(([key, schema]) => {
        const isNeeded = !schema.safeParse(undefined).success;
        const use = isNeeded
          ? ` Needed with \`protocol: ${name}\`.`
          : index > 0
            ? ` Only with \`protocol: ${name}\`.`
            : '';
        return [key, schema.optional().describe(`${schema.description}${use}`)];
      }),
    ),
  );
}
