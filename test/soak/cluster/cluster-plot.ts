import { drawn, perSecond } from '../report/plot.ts';
import type { ClusterObserved } from './cluster-observed.ts';

/** Calls, and how long reissues took. The marks are what was done to the leader. */
export function clusterPlotOf({ began, ended, rates, cured, done, options }: ClusterObserved): string {
  const since = (at: number): number => (at - began) / 1000;
  return drawn({
    title: `Soak in the cluster: ${options.minutes} min, ${options.replicas} replicas`,
    seconds: since(ended),
    marks: done.map(({ began: at }) => since(at)),
    panels: [
      {
        title: 'Calls a second',
        lines: [
          { name: 'calls', points: perSecond(rates, ({ calls }) => calls) },
          { name: 'failed', points: perSecond(rates, ({ failed }) => failed) },
        ],
      },
      {
        title: 'Calls that a reissue cured, ms',
        lines: [{ name: 'took', points: cured.map(({ began: at, took }) => [since(at), took] as const) }],
      },
    ],
  });
}
