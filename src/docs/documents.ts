import { readFileSync } from 'node:fs';
import { REQUEST_REASONS } from '../core/reasons.ts';
import { RESOURCE_REASONS } from '../core/resource-reasons.ts';
import type { MetricDescription } from '../ports/telemetry.ts';
import { type AccessTokenSource, accessTokenDefinition, accessTokenReference } from './access-token-definition.ts';
import { chartReference, chartSchema } from './chart-schema.ts';
import { cliReference, exitCodeReference, pluginReference } from './cli-reference.ts';
import {
  eventReference,
  processConditionReference,
  stateReference,
  tokenConditionReference,
} from './conditions-reference.ts';
import { configurationReference } from './configuration-reference.ts';
import { clientAuthenticationReference, grantReference, protocolReference } from './credential-reference.ts';
import { errorReference } from './error-reference.ts';
import { withGenerated } from './generated.ts';
import {
  auditReference,
  decisionReference,
  fieldReference,
  type OpenLog,
  processLogReference,
  tokenLogReference,
} from './log-reference.ts';
import { code, table } from './markdown.ts';
import { labelReference, metricsReference } from './metrics-reference.ts';
import { rbacReference } from './rbac-reference.ts';

/** A document with parts that are generated, or that is generated as a whole. */
export interface GeneratedDocument {
  /** Relative to the project's folder. */
  readonly path: string;
  /** Returns the document as it should be, from the document as it is. */
  readonly renew: (text: string) => string;
}

/** What the documents are made from, and only a `main.ts` may construct. */
export interface DocumentSources {
  readonly metrics: readonly MetricDescription[];
  readonly openLog: OpenLog;
  readonly accessTokens: AccessTokenSource;
}

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
/** Manifests with the roles of token-acquirer, rendered from the chart. */
const ROLES = [
  'manifests/token-acquirer.yaml',
  'manifests/client-app.yaml',
  'manifests/volume-nudge.yaml',
  'manifests/log-evidence.yaml',
];

const inChart = (file: string): string => read(`charts/token-acquirer/${file}`);

/** A document of the reference, whose parts are made when it is renewed. */
function reference(name: string, parts: () => Readonly<Record<string, string>>): GeneratedDocument {
  return { path: `docs/reference/${name}.md`, renew: (text) => withGenerated(text, parts()) };
}

export function generatedDocuments({ metrics, openLog, accessTokens }: DocumentSources): readonly GeneratedDocument[] {
  return [
    {
      path: 'charts/token-acquirer/values.schema.json',
      renew: () => chartSchema(inChart('values.yaml'), inChart('renamed.yaml')),
    },
    { path: 'charts/token-acquirer/files/access-token-crd.yaml', renew: () => accessTokenDefinition(accessTokens) },
    {
      path: 'charts/token-acquirer/README.md',
      renew: (text) => withGenerated(text, { values: chartReference(inChart('values.yaml')) }),
    },
    reference('configuration', () => ({
      protocols: protocolReference(),
      grants: grantReference(),
      'client-authentications': clientAuthenticationReference(),
      configuration: configurationReference(),
    })),
    reference('cli', () => ({
      'exit-codes': exitCodeReference(),
      commands: cliReference(),
      plugin: pluginReference(),
    })),
    reference('errors', () => ({ errors: errorReference() })),
    reference('states-conditions-events', () => ({
      states: stateReference(),
      conditions: tokenConditionReference(),
      'process-conditions': processConditionReference(),
      events: eventReference(),
      requests: requestReasonReference(),
    })),
    reference('logs', () => ({
      'token-events': tokenLogReference(openLog),
      'process-events': processLogReference(openLog),
      audit: auditReference(openLog),
      decisions: decisionReference(),
      fields: fieldReference(),
    })),
    reference('metrics', () => ({ metrics: metricsReference(metrics), labels: labelReference() })),
    reference('access-tokens', () => ({
      fields: accessTokenReference(accessTokens),
      reasons: resourceReasonReference(),
    })),
    reference('rbac', () => ({
      rbac: rbacReference(ROLES.map(read)),
    })),
  ];
}

function resourceReasonReference(): string {
  return table(
    ['reason', 'meaning'],
    Object.entries(RESOURCE_REASONS).map(([reason, meaning]) => [code(reason), meaning]),
  );
}

function requestReasonReference(): string {
  return table(
    ['reason', 'meaning'],
    Object.entries(REQUEST_REASONS).map(([reason, meaning]) => [code(reason), meaning]),
  );
}
