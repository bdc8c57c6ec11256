import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART } from './chart.ts';

/** A query of a panel of the dashboard. */
export interface PanelQuery {
  readonly panel: string;
  readonly expr: string;
  readonly legend: string;
}

/** A variable that a query fills. */
export interface Variable {
  readonly name: string;
  readonly selector: string;
  readonly label: string;
}

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly datasource: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

export interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly type: string;
      readonly query: string | { readonly query: string };
    }[];
  };
}

/** Reads the dashboard of the chart. */
export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(join(CHART, 'dashboard.json'), 'utf8')) as Dashboard;
}

/** Returns the queries of all panels. */
export function panelQueries({ panels }: Dashboard): readonly PanelQuery[] {
  return panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({ panel: title, expr, legend: legendFormat })),
  );
}

/** Returns the variables that are filled by a query. Throws for a query that is not `label_values`. */
export function variablesOf({ templating }: Dashboard): readonly Variable[] {
  return templating.list.flatMap(({ name, query }) => {
    if (typeof query === 'string') return [];
    const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query.query) ?? [];
    if (selector === undefined || label === undefined) throw new Error(`${name} is filled by ${query.query}.`);
    return [{ name, selector, label }];
  });
}

/** Replaces the variables as Grafana does, with these values. */
export function interpolated(expr: string, values: Readonly<Record<string, string>>): string {
  return expr.replaceAll(/\$(\w+)/g, (whole, name: string) => values[name] ?? whole);
}

/** Removes the zero that stands for no series, so that a query shows only what there is. */
export function withoutZero(expr: string): string {
  return expr.replace(/ or vector\(0\)$/, '');
}
