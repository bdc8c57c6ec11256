import { resolve } from 'node:path';
import { z } from 'zod';
import type { CredentialKey } from '../../core/credential.ts';
import type { HttpProtocol } from '../../ports/http-protocol.ts';
import type { ServerSettings } from '../../ports/protocols.ts';
import { duration, file, proxyUrl, section, url } from '../forms/value-forms.ts';
import type { TokenSpecification } from '../token/specification.ts';

type Shape = Readonly<Record<string, z.ZodType>>;

/** The facts of a specification that its protocol determines. */
export type ProtocolFacts = Pick<
  TokenSpecification,
  'demand' | 'scope' | 'use' | 'rotates' | 'warning' | 'neededKeys' | 'takesNextSecret' | 'refreshTokenReuse'
>;

/** Keys that do not fit other keys. */
interface Conflict {
  readonly path: readonly string[];
  readonly message: string;
}

/** Keys of a token that do not fit its other keys, or those of its authorization server. `path` is below the token. */
export type TokenConflict = Conflict;

/** A row of the table of protocols: everything that the rest of the project needs to know of one. */
export interface ProtocolRow {
  /** Its value of `protocol`. */
  readonly name: string;
  /** What it is for, in one sentence. */
  readonly summary: string;
  /** The keys of an authorization server, `protocol` included. */
  readonly server: z.ZodObject<{ protocol: z.ZodType<string | undefined> }>;
  /** The keys of a token that only this protocol has. */
  readonly tokenKeys: Shape;
  /** Which keys a credential needs, in words. */
  readonly credential: string;
  /** Finds what the schemas of server and token do not show. */
  readonly conflicts?: (token: object, server: object) => readonly TokenConflict[];
  /** Relative paths are relative to `folder`, here and in `resolveToken`. */
  resolveServer(name: string, server: object, folder: string): ServerSettings;
  resolveToken(token: object, server: object, folder: string): ProtocolFacts;
  /** Returns what a server lacks so that no token can be revoked there, and what to do; `undefined` where it lacks nothing. */
  readonly unrevocable: (server: ServerSettings) => string | undefined;
  /** `undefined` where the protocol has its own adapter. */
  readonly http?: HttpProtocol;
}

type Settings<Server extends Shape> = ServerSettings & z.output<z.ZodObject<Server>> & { readonly url: string };

/** What distinguishes one protocol of HTTP requests from another. */
interface ProtocolDefinition<Server extends Shape, Token extends Shape>
  extends Omit<HttpProtocol<Settings<Server>, z.output<z.ZodObject<Token>>>, 'needs'> {
  readonly summary: string;
  /** What the key `url` is, and its default. */
  readonly url: { readonly meaning: string; readonly preset?: string };
  /** The keys of an authorization server, besides those that all have. */
  readonly server: Server;
  /** Finds keys of an authorization server that do not fit each other. `path` is below the server. */
  readonly conflicts?: (server: Settings<Server>) => readonly Conflict[];
  /** The keys of a token that only this protocol has. No default: they are keys of every token. */
  readonly token: Token;
  /** Continues the name of a server whose settings name no way to revoke; left out where that depends on no setting. */
  readonly unrevocable?: (server: Settings<Server>) => string | undefined;
  /** The keys that the credential must have; or a function of the settings, and what it depends on in words. */
  readonly credential:
    | readonly CredentialKey[]
    | { readonly of: (server: Settings<Server>) => readonly CredentialKey[]; readonly inWords: string };
}

/**
 * Makes a row of the table from one definition. The configuration, its reference and the schema of the chart follow from
 * it.
 */
export function defineProtocol<Server extends Shape, Token extends Shape>(
  name: string,
  definition: ProtocolDefinition<Server, Token>,
): ProtocolRow {
  const { credential, token } = definition;
  const of = 'of' in credential ? credential.of : () => credential;
  const keyNames = Object.keys(token);
  return {
    name,
    summary: definition.summary,
    server: serverSchema(name, definition).superRefine((server, context) => {
      // The schema has read the server, and `defineProtocol` made the schema.
      const conflicts = definition.conflicts?.(server as unknown as Settings<Server>) ?? [];
      for (const { path, message } of conflicts) context.addIssue({ code: 'custom', path: [...path], message });
    }),
    tokenKeys: token,
    credential: 'of' in credential ? credential.inWords : credential.map((key) => `\`${key}\``).join(', '),
    resolveServer: (_server, settings, folder) => resolvedServer(name, settings, folder),
    resolveToken: (given, server) => ({
      demand: {
        protocol: name,
        ...Object.fromEntries(Object.entries(given).filter(([key]) => keyNames.includes(key))),
      },
      scope: '',
      use: name,
      rotates: false,
      warning: undefined,
      // The schema of the row has checked it.
      neededKeys: of(server as Settings<Server>),
      refreshTokenReuse: 0,
    }),
    unrevocable: (server) =>
      definition.revoke === undefined
        ? 'has a protocol without revocation. Remove it'
        : definition.unrevocable?.(server as Settings<Server>),
    // Settings and demands come from `resolveServer` and `resolveToken` of the same row.
    http: { ...definition, needs: of },
  };
}

function serverSchema(
  name: string,
  { url: { meaning, preset }, server }: Pick<ProtocolDefinition<Shape, Shape>, 'url' | 'server'>,
) {
  const described = preset === undefined ? url.describe(meaning) : url.default(preset).describe(meaning);
  return section({
    protocol: z.literal(name).describe('The protocol of the server.'),
    url: described,
    ...server,
    ...CONNECTION_KEYS,
  });
}

function resolvedServer(protocol: string, settings: object, folder: string): ServerSettings {
  const { caFile, ...others } = settings as { readonly caFile?: string };
  return { ...others, protocol, ...(caFile !== undefined && { caFile: resolve(folder, caFile) }) };
}

/** The keys that authorization servers of all protocols have. */
export const CONNECTION_KEYS = {
  caFile: file
    .optional()
    .describe(
      'PEM file of a private CA, read for each request; an intermediate CA is enough. A file with anything other than readable certificates is rejected as a whole.',
    ),
  proxy: proxyUrl
    .optional()
    .describe(
      'Outbound proxy, as `http://user:password@host:port` or https; `NO_PROXY` is honored. `caFile` also applies to an https proxy.',
    ),
  defaultLifetime: duration
    .optional()
    .describe(
      'Lifetime of a token whose answer states none, or an unusable one. 5m by default, which the condition `LifetimeStated` reports.',
    ),
};
