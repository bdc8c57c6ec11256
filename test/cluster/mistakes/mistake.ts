/** Where a mistake is made. */
export interface Surroundings {
  /** Namespace of the authorization server. */
  readonly services: string;
  /** Namespace of the release. */
  readonly acquirer: string;
  /** Of the authorization server. */
  readonly issuer: string;
  /** The namespace of the mistake's client app. */
  home(mistake: Pick<Mistake, 'id'>): string;
  kubectl(...args: readonly string[]): Promise<string>;
  /** In the namespace of its client app. */
  inHome(mistake: Pick<Mistake, 'id'>, ...args: readonly string[]): Promise<string>;
  apply(...items: readonly object[]): Promise<void>;
}

/** Whether the client app of the token runs: a token without one is never suspended. */
export type ClientApp = 'runs' | 'is stopped';

export type Credential = Readonly<Record<string, string>>;

/** Something that a user got wrong for one token of the release. */
export interface Mistake {
  /** Completes "status names …". */
  readonly sentence: string;
  /** The token's name, and what its Secret, its credential and its client app are called after. */
  readonly id: string;
  readonly clientApp: ClientApp;
  /** What its authorization server is configured with; by default it shares a correct one. */
  readonly server?: (place: Surroundings) => object;
  /** Where the CA of its authorization server is; by default the right ConfigMap. */
  readonly authority?: object;
  readonly token?: object;
  /** Whether its client app has a namespace to itself. */
  readonly apart?: boolean;
  /** The data of its own credential, given the right one; by default it shares the right one. */
  readonly credential?: 'none' | ((right: Credential) => Credential);
  /** Before the token-acquirer is started again after its installation. */
  before?(place: Surroundings, mistake: Mistake): Promise<unknown>;
  /** While it runs. */
  spoil?(place: Surroundings, mistake: Mistake): Promise<unknown>;
  /** What the status says of it, all of them. */
  readonly says: readonly (string | RegExp)[];
}

export const secretOf = ({ id }: Pick<Mistake, 'id'>): string => `${id}-tokens`;
