import { Gauge, type Registry } from '@prometheus-io/client';
import type { ProcessCondition } from '../../core/conditions.ts';
import type { ProcessEvent } from '../../core/events.ts';
import type { OwnShard, UnownedTokens } from '../../core/shards.ts';
import type { Clock } from '../../ports/clock.ts';

/** The metrics of the whole process. */
export interface ProcessMetrics {
  note(event: ProcessEvent): void;
  /** Sets the conditions that the process has now, which shards nobody works on, and whether it works on its own. */
  set(conditions: Iterable<ProcessCondition>, shards: Iterable<UnownedTokens>, own: OwnShard | undefined): void;
}

/** Creates the metrics of the whole process. */
export function createProcessMetrics(registers: Registry[], clock: Pick<Clock, 'now'>): ProcessMetrics {
  const successful = new Gauge({
    name: 'token_acquirer_configuration_last_load_successful',
    help: '1 if the last load of the configuration succeeded, 0 if the file on disk is rejected.',
    registers,
  });
  const loadedAt = new Gauge({
    name: 'token_acquirer_configuration_last_load_success_timestamp_seconds',
    help: 'Time when the configuration in force was loaded, as Unix time.',
    registers,
  });
  const unhealthy = new Gauge({
    name: 'token_acquirer_process_condition_unhealthy',
    help: '1 for each unhealthy condition of the whole process. A healthy condition has no series.',
    labelNames: ['type'],
    registers,
  });
  const unowned = new Gauge({
    name: 'token_acquirer_unowned_tokens',
    help: 'Tokens of a shard whose Lease nobody holds, so that nobody renews them. Every process reports all shards.',
    labelNames: ['shard'],
    registers,
  });
  const leading = new Gauge({
    name: 'token_acquirer_leading',
    help: '1 while this process works on the tokens of its shard, 0 while another replica does.',
    labelNames: ['shard'],
    registers,
  });
  // Without a file that was rejected there is nothing to alert of, also before the first load.
  successful.set(1);
  return {
    note({ kind }) {
      if (kind === 'configuration-refused') successful.set(0);
      if (kind !== 'configuration-loaded') return;
      successful.set(1);
      loadedAt.set(clock.now() / 1000);
    },
    set(conditions, shards, own) {
      if (own !== undefined) leading.set({ shard: String(own.shard) }, own.leads ? 1 : 0);
      unowned.reset();
      for (const { shard, tokens } of shards) unowned.set({ shard: String(shard) }, tokens);
      unhealthy.reset();
      for (const { type, status } of conditions) if (!status) unhealthy.set({ type }, 1);
    },
  };
}
