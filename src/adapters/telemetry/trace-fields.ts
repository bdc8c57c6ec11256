import type { TraceContext } from '../../core/trace-context.ts';

/** Returns the fields of a log line by which log collectors find the trace. OpenTelemetry names them for JSON. */
export function traceFields(trace: TraceContext | undefined): Readonly<Record<string, string>> {
  if (trace === undefined) return {};
  return { trace_id: trace.traceId, span_id: trace.spanId, trace_flags: trace.flags };
}
