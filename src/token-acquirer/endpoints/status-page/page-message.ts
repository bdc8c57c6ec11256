import type { TokenState } from '../../../core/token-states.ts';

// What the server sends to the page. Times are in milliseconds since 1970.

/** A row of the status page. The page gets thousands of them, so only what it shows is in it. */
export interface PageToken {
  /** `namespace/secret/name` */
  readonly id: string;
  readonly state: TokenState;
  readonly issued?: number;
  readonly expires?: number;
  readonly renews?: number;
  /** Smaller is more urgent; left out where nothing needs attention. */
  readonly urgency?: number;
  /** What needs attention, or why the token is suspended. */
  readonly note?: string;
}

/** What the page shows of the process. */
export interface PageProcess {
  /** `since`: RFC 3339. */
  readonly problems: readonly { readonly title: string; readonly message: string; readonly since?: string }[];
  /** Which pod leads, and why this is not its report. Empty where there is only one replica. */
  readonly leader: readonly string[];
  readonly configuration?: { readonly sha256: string; readonly loaded: number };
  /** Where there are several. The tokens are those of `shard`. */
  readonly shards?: readonly PageShard[];
  readonly shard?: number;
}

interface PageShard {
  readonly shard: number;
  /** `ended`: nobody works on its tokens. */
  readonly state: 'held' | 'ended' | 'unknown';
  readonly holder?: string;
  readonly tokens: number;
}

/** Everything that the page shows of a moment, except events. */
export interface PagePicture {
  /** When the report was made. */
  readonly of: number;
  readonly process: PageProcess;
  readonly tokens: readonly PageToken[];
}

/** What a page gets that has an earlier picture. */
export interface PageChanges {
  readonly of: number;
  readonly process?: PageProcess;
  /** New or changed. */
  readonly tokens?: readonly PageToken[];
  readonly gone?: readonly string[];
}

/** An event as the page shows it. It never says who called. */
export interface EventLine {
  /** `namespace/secret/name`, or `undefined` for the whole process. */
  readonly token: string | undefined;
  readonly text: string;
  readonly mood: 'plain' | 'good' | 'bad';
}

export interface PageEvent extends EventLine {
  /** Counts from 1. */
  readonly number: number;
  readonly at: number;
}

/** The first message of a stream. */
export interface PageBeginning extends PagePicture {
  /** The clock of this process. */
  readonly now: number;
  readonly events: readonly PageEvent[];
}

/** A further message. One comes every second, even where nothing changed, so that the page notices a silent connection. */
export interface PageUpdate extends PageChanges {
  readonly now: number;
  readonly events?: readonly PageEvent[];
}
