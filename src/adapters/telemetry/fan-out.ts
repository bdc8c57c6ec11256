import type { Telemetry } from '../../ports/telemetry.ts';

/** Passes every event to all sinks. */
export function fanOut(sinks: readonly Telemetry[]): Telemetry {
  return {
    token(identity, event) {
      for (const sink of sinks) sink.token(identity, event);
    },
    process(event) {
      for (const sink of sinks) sink.process(event);
    },
    forget(identity, only) {
      for (const sink of sinks) sink.forget(identity, only);
    },
  };
}

/** Passes events only while `isOpen`. */
export function onlyWhile(isOpen: () => boolean, sink: Telemetry): Telemetry {
  return {
    token(identity, event) {
      if (isOpen()) sink.token(identity, event);
    },
    process(event) {
      if (isOpen()) sink.process(event);
    },
    forget: (identity, only) => sink.forget(identity, only),
  };
}
