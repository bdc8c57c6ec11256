import { TOKEN_ERRORS, type TokenErrorCode } from './errors.ts';

/** A condition: what it states, and what each reason means, in one sentence each. */
interface ConditionEntry {
  readonly meaning: string;
  /** Reasons of the status True. */
  readonly true: Readonly<Record<string, string>>;
  /** Reasons of the status False. */
  readonly false: Readonly<Record<string, string>>;
}

/** The conditions of a token. A condition is healthy if it is True; only `Suspended` is healthy either way. */
export const TOKEN_CONDITIONS = {
  Ready: {
    meaning: 'There is a token that has not expired.',
    true: { TokenValid: 'The current token is valid.' },
    false: {
      TokenDoesNotExist: 'No token has been obtained yet.',
      TokenExpired: 'The last token has expired.',
    },
  },
  Renewed: {
    meaning: 'The last token request gave a token.',
    true: { Issued: 'The authorization server issued a token.' },
    false: failuresWithMeaning(),
  },
  Stored: {
    meaning: 'The store holds the current token.',
    true: {
      Stored: 'The current token is stored.',
      Disputed: 'The token is stored, but someone else changes it again and again.',
    },
    false: {
      StoreUnavailable: 'The store cannot be read or written at the moment; token-acquirer tries again.',
      StoreRefused: 'The store rejects the write until somebody corrects the cause that the message names.',
      Withdrawn: 'The token expired while the client app was not running, so its keys were removed.',
    },
  },
  Suspended: {
    meaning: 'No token is requested, because the client app does not run.',
    true: {
      ClientAppNotRunning: 'No pod of the client app is Pending or Running, or its health URL or process is gone.',
    },
    false: { ClientAppRunning: 'The client app runs, or called within the last minute.' },
  },
  ExecutionStateKnown: {
    meaning: 'token-acquirer knows whether the client app runs.',
    true: { Observed: 'The pods, the health URL or the process of the client app were observed.' },
    false: { ExecutionStateUnknown: 'The client app cannot be observed, so its token is requested anyway.' },
  },
  CredentialUsable: {
    meaning: 'The credential has every key that a token request needs.',
    true: { CredentialComplete: 'Every key that the grant and the client authentication need is readable.' },
    false: { CredentialUnusable: 'The credential, or a key that is needed in it, is missing or unusable.' },
  },
  CredentialExpiryKnown: {
    meaning: 'The `expires_at` of the credential is a date or a time.',
    true: { ExpiryRead: 'The end of the credential is read, or none is set.' },
    false: {
      ExpiryUnreadable: 'The `expires_at` of the credential is no date or time, so no alert will warn of its end.',
    },
  },
  SecretCurrent: {
    meaning: 'The authorization server accepts the first secret of a credential with two.',
    true: { FirstSecretInUse: 'The server accepted `client_secret` in the last token request.' },
    false: { NextSecretInUse: 'The server rejected `client_secret`, so `client_secret_next` is in use.' },
  },
  CaUsable: {
    meaning: "The authorization server's `caFile` has usable certificates.",
    true: { CaFileRead: 'The file was read.' },
    false: { CaFileUnusable: 'The file is missing, damaged, empty, or all of its certificates have expired.' },
  },
  ServerReachable: {
    meaning: 'The authorization server of a suspended token accepts connections.',
    true: { ServerAnswered: 'The authorization server answered.' },
    false: {
      ServerUnreachable: 'No connection: unknown host, closed port, untrusted certificate or missing metadata.',
    },
  },
  SelectorMatches: {
    meaning: '`clientApp.selector` matches the pods that use the token Secret.',
    true: {
      PodsSelected: 'The selector matches running pods.',
      NoPodRuns: 'No pod runs, so nothing can be compared with the selector.',
      PodsNotJudged: 'Pods that the selector misses were seen less than 5 s ago, so they are not reported yet.',
      NoPodMissed: 'No pod that uses the Secret was missed.',
    },
    false: { NoPodSelected: 'Pods use the token Secret, but the selector matches none of them.' },
  },
  PodsFollow: {
    meaning: 'Every pod of the client app sees a new token without a restart.',
    true: { NoneLeftBehind: 'Every pod mounts the Secret as a whole volume.' },
    false: {
      PodsLeftBehind: 'Pods use the Secret through `subPath` or environment variables, which never change.',
    },
  },
  VolumeFollowsInTime: {
    meaning: 'A mounted volume has the next token before the current one expires.',
    true: {
      RenewedInTime: 'At least 90 s are left after a renewal, which a kubelet takes at most.',
      Nudged: 'The kubelet updates the volume immediately after each write (`propagation.nudge`).',
      ReadersAskForReissue: 'Every reader asks for a reissue when its token is rejected (`secret.readers: library`).',
    },
    false: {
      RenewedTooLate: 'Less than 90 s are left after a renewal, so a plain file reader may send an expired token.',
      NudgeRefused: 'Less than 90 s are left after a renewal, and the nudge that the configuration asks for fails.',
    },
  },
  ReplacedTokenRevoked: {
    meaning: 'The token before the current one was revoked (`revokePrevious`).',
    true: {
      Revoked: 'The authorization server revoked it.',
      ReplacedTokenExpired: 'It expired before it could be revoked.',
      ReplacedTokenInUse: 'The authorization server gave it again, so it stays.',
    },
    false: {
      RevocationFailed: 'The authorization server did not revoke it; after five rejections it is left to expire.',
      NoRevocationEndpoint: 'The authorization server names no revocation endpoint, so it is left to expire.',
    },
  },
  LifetimeStated: {
    meaning: 'The lifetime of the token is known.',
    true: {
      Stated: 'The authorization server sent `expires_in`.',
      DefaultLifetimeConfigured: 'The authorization server sent no usable `expires_in`, so `defaultLifetime` counts.',
    },
    false: { DefaultLifetime: 'The authorization server sent no usable `expires_in`, so 5 min are assumed.' },
  },
  IntervalValid: {
    meaning: 'The `interval` of the credential is a duration.',
    true: {
      Valid: 'The interval is in force, or none is set.',
      VeryShort: 'The interval is in force, but shorter than 10 s and than a tenth of the lifetime. Check its unit.',
    },
    false: { IntervalInvalid: 'The interval is not a duration, so the previous one stays in force.' },
  },
  ClockAgrees: {
    meaning: 'The clock agrees with that of the authorization server.',
    true: { ClocksAgree: 'The difference is less than 30 s, or than a tenth of the lifetime if that is less.' },
    false: {
      ClockAhead: 'The clock of token-acquirer is ahead of that of the authorization server.',
      ClockBehind: 'The clock of token-acquirer is behind that of the authorization server.',
    },
  },
  EvidenceFollowed: {
    meaning: 'The log of the client app is followed (`evidence.log`).',
    true: {
      LogFollowed: 'The logs of running pods are followed, of 20 pods at most.',
      NoPodRuns: 'No pod of the client app runs, so there is no log.',
    },
    false: {
      LogForbidden: 'token-acquirer may not read the logs: the Role with `pods/log` is missing.',
      ContainerMissing: 'No pod has the container that `evidence.log.container` names.',
      LogsExhausted:
        'token-acquirer follows 200 logs in all, and the share of this client app is less than it has: some of its logs are not followed.',
      LogUnavailable: 'The API server or the kubelet does not give the logs; token-acquirer tries again.',
    },
  },
  CallersKnown: {
    meaning: 'Every caller of this token is among its `clients`.',
    true: { NoUnknownCaller: 'No other ServiceAccount asked within the last 3 min.' },
    false: { CallerNotInClients: 'A ServiceAccount of the same namespaces asked, but is not in `clients`.' },
  },
} as const satisfies Readonly<Record<string, ConditionEntry>>;

/** The conditions of the whole process. Each is healthy if it is True. */
export const PROCESS_CONDITIONS = {
  ConfigurationInForce: {
    meaning: 'The configuration file on disk is in force.',
    true: { Loaded: 'The file was loaded.' },
    false: {
      NewerFileRejected: 'The file on disk is invalid, so the last valid one stays in force.',
      RestartNeeded: 'The file was loaded, but a changed setting takes effect only after a restart.',
    },
  },
  AuthorityStored: {
    meaning: 'The CA of the reissue endpoint is stored.',
    true: { Stored: 'The CA is stored.' },
    false: {
      SecretDoesNotExist: 'The Secret of the CA is missing, so the CA is only in memory.',
      StoreUnavailable: 'The Secret of the CA cannot be read or written, or is damaged.',
    },
  },
  StateStored: {
    meaning: 'The Secret with the rotated refresh tokens can be used.',
    true: {
      Readable: 'The state can be read.',
      NotNeeded: 'No token keeps anything in the state.',
    },
    false: { StateUnavailable: 'The Secret of the state is missing or forbidden, and a token needs it.' },
  },
  ShardsOwned: {
    meaning: 'A process works on the tokens of each shard.',
    true: { AllOwned: 'Somebody holds the Lease of every shard with tokens.' },
    false: { ShardUnowned: 'Nobody holds the Lease of a shard, so its tokens are not renewed.' },
  },
  ShardsAgree: {
    meaning: 'All shards act on the same number of shards.',
    true: { SameShards: 'They do, or one of them has had less than 2 min to load the configuration.' },
    false: {
      ShardBehind: 'A shard still acts on another number of shards, so tokens that change their shard stay with it.',
    },
  },
  ShardConfigured: {
    meaning: 'The configuration has the shard of this process (`--shard`).',
    true: { ShardInUse: 'The configuration has this shard.' },
    false: { NoSuchShard: '`shards` of the configuration is too small, so the process works on no token.' },
  },
  Elected: {
    meaning: 'The replicas have elected the one that renews the tokens.',
    true: {
      Leading: 'This replica holds the Lease, so it renews the tokens.',
      Following: 'Another replica holds the Lease. This one answers calls, and takes over when that Lease ends.',
    },
    false: {
      LeaseUnavailable:
        'The API server does not answer, or does not accept the ServiceAccount token. A replica that led goes on with everything except rotating refresh tokens.',
      LeaseRefused: 'The Lease is missing or its access is denied, so every replica renews the tokens.',
      HeldByAnother:
        'A process that is no replica of this Deployment holds the Lease, so every replica renews the tokens.',
    },
  },
} as const satisfies Readonly<Record<string, ConditionEntry>>;

type Entries = typeof TOKEN_CONDITIONS & typeof PROCESS_CONDITIONS;

type KeyOfEach<Table> = Table extends unknown ? keyof Table & string : never;

/** The reasons that a condition may have, of all conditions without `Type`. */
export type ConditionReason<Type extends keyof Entries = keyof Entries> = KeyOfEach<Entries[Type]['true' | 'false']>;

type PascalCase<Text extends string> = Text extends `${infer First}_${infer Rest}`
  ? `${Capitalize<First>}${PascalCase<Rest>}`
  : Capitalize<Text>;

/** The code of a failed token request as a reason: `invalid_client` → `InvalidClient`. */
export function reasonOf<Code extends TokenErrorCode>(code: Code): PascalCase<Code> {
  const reason = code.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return reason as PascalCase<Code>;
}

function failuresWithMeaning(): Readonly<Record<PascalCase<TokenErrorCode>, string>> {
  const entries = Object.entries(TOKEN_ERRORS).map(([code, { meaning }]) => [
    reasonOf(code as TokenErrorCode),
    meaning,
  ]);
  return Object.fromEntries(entries) as Record<PascalCase<TokenErrorCode>, string>;
}

/** Why a token is requested. */
export const REQUEST_REASONS = {
  TokenDoesNotExist: 'No token has been obtained yet.',
  TokenExpired: 'The token has expired.',
  TokenSuperseded: 'The configuration asks for another token than the stored one.',
  CredentialChanged: 'The credential changed, and `onCredentialChange` is `reissue`.',
  RenewalDue: 'The token is due for renewal.',
  TokenRejected: 'A client, a gateway or a line of a log reported the token as rejected.',
} as const;

export type RequestReason = keyof typeof REQUEST_REASONS;
