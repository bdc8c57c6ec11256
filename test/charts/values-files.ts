import { globSync } from 'node:fs';
import { CHART } from './chart.ts';

/** Values to try the chart with, and to begin with; paths in the chart. */
export function valuesFiles(): readonly string[] {
  return globSync(['ci/*-values.yaml', 'examples/*-values.yaml'], { cwd: CHART }).toSorted();
}
