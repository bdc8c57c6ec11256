// The messages to the page. Its script is checked against these types, so they import nothing. Times are milliseconds
// since the Unix epoch. No message holds a token: a hash is the first eight digits of its SHA-256.

export type Mood = 'plain' | 'good' | 'bad' | 'act';

export interface PageToken {
  readonly hash: string;
  readonly generation: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly renewAt: number;
}

/** Between two parts of the diagram, named for what goes along it; `back`: against its arrow. */
export type Edge = 'request' | 'store' | 'read' | 'call' | 'pass' | 'reissue' | 'check';

/** What goes along: a token, a rejection or failure, or anything else. */
export type Load = 'token' | 'bad' | 'plain';

/** An event for the page. */
export type PageMessage = { readonly at: number } & (
  | {
      readonly kind: 'issued';
      readonly app: string;
      readonly token: PageToken;
      readonly trigger: 'renewal' | 'reissue';
    }
  | { readonly kind: 'rescheduled'; readonly app: string; readonly token: PageToken }
  | { readonly kind: 'revoked'; readonly app: string; readonly hash: string }
  | { readonly kind: 'running'; readonly app: string; readonly running: boolean }
  /** `retried`: rejected at first, then sent again with another token, and accepted. */
  | { readonly kind: 'call'; readonly app: string; readonly result: 'ok' | 'retried' | 'failed' }
  | {
      readonly kind: 'flow';
      readonly app: string | undefined;
      readonly edge: Edge;
      readonly back: boolean;
      readonly load: Load;
    }
  | { readonly kind: 'caption'; readonly text: string; readonly mood: Mood }
  | { readonly kind: 'line'; readonly who: string; readonly text: string; readonly mood: Mood }
);

export interface PageApp {
  readonly name: string;
  readonly running: boolean;
  /** No tokens are requested while it is not running. */
  readonly suspended: boolean;
  readonly calls: { readonly ok: number; readonly failed: number };
  /** Names of the files in the token-acquirer's credential folder. */
  readonly credentials: readonly string[];
  /** What the user set; empty where the token decides. */
  readonly interval: string;
  /** Of the token in the app's memory. */
  readonly hash: string | undefined;
  /** Resident memory of its process, in bytes. */
  readonly memory: number | undefined;
  readonly file: PageFile;
}

/** The app's token directory, as it is on the disk. */
export interface PageFile {
  readonly keys: readonly string[];
  readonly token: Omit<PageToken, 'issuedAt' | 'renewAt'> | undefined;
}

/** The state of all parts. */
export interface PageState {
  /** Whether the buttons work; `off` while scenes are played. */
  readonly buttons: 'starting' | 'on' | 'off';
  /** Part → whether it is up. */
  readonly up: Readonly<Record<string, boolean>>;
  readonly authorizationServer: string;
  readonly gateway: string;
  readonly apps: readonly PageApp[];
}

/** The first message to a page that opens. */
export interface Snapshot {
  readonly now: number;
  readonly state: PageState;
  readonly messages: readonly PageMessage[];
}
