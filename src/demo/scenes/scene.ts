import type { EpochMs, Ms } from '../../core/token.ts';
import type { App } from '../cast.ts';
import type { DemoEvent } from '../demo-event.ts';
import type { Ledger } from '../ledger.ts';

/** What a scene may do to the parts of the demo. */
export interface Stage {
  readonly ledger: Ledger;
  now(): EpochMs;
  pause(duration: Ms): Promise<void>;
  /** Has the authorization server revoke the app's current token (RFC 7009). */
  revoke(app: App): Promise<void>;
  /** Rewrites the `interval` file among the app's credentials; `undefined` removes it. */
  setInterval(app: App, interval: string | undefined): void;
  stopApp(app: App): Promise<void>;
  startApp(app: App): void;
  /** While down, no token request reaches the authorization server. */
  setAuthorizationServerDown(down: boolean): void;
}

/** What was seen, and whether it is what was expected. */
export interface Verdict {
  readonly held: boolean;
  readonly seen: string;
}

export interface Scene {
  readonly name: string;
  readonly expected: string;
  play(stage: Stage): Promise<Verdict>;
}

export interface Script<Marks> {
  readonly name: string;
  readonly expected: string;
  /** Does things, and notes when. Throws an Error whose message is a sentence where something never came. */
  readonly act: (stage: Stage) => Promise<Marks>;
  /** Judges only by the events. */
  readonly judge: (events: readonly DemoEvent[], marks: Marks) => Verdict;
}

/** Logs and reports come on several ways, so the last of them may still be on its way when an act ends. */
const ON_THE_WAY: Ms = 500;

/** A scene of an act and a judge. Where the act fails, its message is what was seen. */
export function scene<Marks>({ name, expected, act, judge }: Script<Marks>): Scene {
  return {
    name,
    expected,
    play: async (stage) => {
      try {
        const marks = await act(stage);
        await stage.pause(ON_THE_WAY);
        return judge(stage.ledger.events, marks);
      } catch (error) {
        return { held: false, seen: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}
