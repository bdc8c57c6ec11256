import type { EpochMs } from '../core/token.ts';
import type { SelectedPods } from './execution-state.ts';

/** The output of a client app's containers. */
export interface FollowedLog extends SelectedPods {
  /** Left out: all containers. */
  readonly container?: string;
}

/** A line that a container wrote to its standard output or error. It may hold anything, so it is never printed. */
export interface LogLine {
  /** When it was written, on the clock of its node. */
  readonly at: EpochMs;
  /** Without its line break. A longer line than 16 KiB is cut. */
  readonly text: string;
  readonly pod: string;
  readonly container: string;
}

/** What is known of a log that is followed. */
export interface LogState {
  /** Running pods whose log is followed. */
  readonly followed: number;
  /** Running pods that the selector selects; `undefined` while that is unknown. */
  readonly running: number | undefined;
  /** Why a log cannot be followed. */
  readonly fault?: LogFault | undefined;
}

export interface LogFault {
  readonly reason: 'LogForbidden' | 'LogUnavailable' | 'ContainerMissing' | 'LogsExhausted';
  /** One or more sentences. */
  readonly message: string;
}

export interface LogListener {
  /** Only lines with one of these texts are passed on; with none, all are. */
  readonly needles: readonly string[];
  /** A line that it throws for is counted as a gap. */
  line(line: LogLine): void;
  /** So many lines were read, passed on or not. `gaps`: how often lines were left out, because they were too many or not readable. */
  counted(lines: number, gaps: number): void;
  changed(state: LogState): void;
}

/** The output of client apps, line by line. */
export interface AppLogs {
  /** Follows a log until the returned function is called. */
  follow(log: FollowedLog, listener: LogListener): () => void;
}
