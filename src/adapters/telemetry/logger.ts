import pino, { type DestinationStream, type Logger } from 'pino';

/**
 * Returns a logger of JSON lines: `level`, `time`, the fields of the event, and its name as `event`. A sentence for people is the
 * field `message`.
 */
export function createLogger(destination: DestinationStream, level = 'info'): Logger {
  return pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (name) => ({ level: name }) },
    },
    destination,
  );
}
