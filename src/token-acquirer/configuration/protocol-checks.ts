import type { z } from 'zod';
import { PROTOCOLS, protocolOf } from './protocols.ts';

type Entries = Readonly<Record<string, unknown>>;

/**
 * Checks the keys of tokens and services that depend on the protocol of their authorization server. Takes any content, so that these
 * issues are reported together with those of the schema.
 */
export function protocolIssues(content: unknown): z.core.$ZodIssue[] {
  const { authorizationServers, tokens, services } = entriesOf(content);
  const servers = entriesOf(authorizationServers);
  return Object.entries({ tokens, services }).flatMap(([section, entries]) =>
    placesIn(entries).flatMap(([place, token]) =>
      isMapping(token) ? tokenIssues(token, servers).map((issue) => at([section, place], issue)) : [],
    ),
  );
}

function placesIn(entries: unknown): [number | string, unknown][] {
  return Array.isArray(entries) ? [...entries.entries()] : Object.entries(entriesOf(entries));
}

function tokenIssues(token: Entries, servers: Entries): z.core.$ZodIssue[] {
  const { authorizationServer } = token;
  const name = typeof authorizationServer === 'string' ? authorizationServer : '';
  // A name of no server is an issue itself.
  if (!Object.hasOwn(servers, name)) return [];
  const row = protocolOf(entriesOf(servers[name]));
  if (row === undefined) return [];
  const foreign = PROTOCOLS.flatMap(({ name: protocol, tokenKeys }) =>
    Object.keys(tokenKeys)
      .filter((key) => Object.hasOwn(token, key) && !Object.hasOwn(row.tokenKeys, key))
      .map((key) => {
        const message = `works only with protocol: ${protocol}; the authorization server ${name} has protocol: ${row.name}`;
        return { code: 'custom', path: [key], message, input: undefined } satisfies z.core.$ZodIssue;
      }),
  );
  const missing = Object.entries(row.tokenKeys).flatMap(([key, schema]) =>
    Object.hasOwn(token, key) ? [] : (schema.safeParse(undefined).error?.issues ?? []).map((issue) => at([key], issue)),
  );
  return [...missing, ...foreign];
}

function at(path: readonly PropertyKey[], issue: z.core.$ZodIssue): z.core.$ZodIssue {
  return { ...issue, path: [...path, ...issue.path] };
}

function entriesOf(value: unknown): Entries {
  return isMapping(value) ? value : {};
}

function isMapping(value: unknown): value is Entries {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
