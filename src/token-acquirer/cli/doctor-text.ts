import type { Diagnosis } from '../../core/doctor/checks.ts';
import { type Finding, GROUPS } from '../../core/doctor/finding.ts';
import { printableLine } from '../../core/printable.ts';

/** Returns each check with its mark, by group, and below it what was found. */
export function doctorText(diagnoses: readonly Diagnosis[]): string {
  const groups = GROUPS.flatMap((group) => {
    const own = diagnoses.filter(({ check }) => check.group === group);
    return own.length === 0 ? [] : [`${group}\n${own.map(checkText).join('')}`];
  });
  return `${groups.join('\n')}\n${summary(diagnoses)}\n`;
}

/** Returns the findings for programs. */
export function doctorJson(diagnoses: readonly Diagnosis[]): string {
  const checks = diagnoses.map(({ check: { name, group, title }, findings, unchecked }) => ({
    check: name,
    group,
    title,
    result: resultOf({ findings, unchecked }),
    findings: findings ?? [],
    unchecked,
  }));
  return `${JSON.stringify({ checks }, null, 2)}\n`;
}

function resultOf({ findings, unchecked }: Pick<Diagnosis, 'findings' | 'unchecked'>): 'passed' | 'failed' | 'skipped' {
  if (findings === undefined) return 'skipped';
  if (findings.length > 0) return 'failed';
  return unchecked.length > 0 ? 'skipped' : 'passed';
}

function checkText(diagnosis: Diagnosis): string {
  const { check, findings, unchecked } = diagnosis;
  const lines = [
    ...(findings ?? []).map(findingText),
    ...unchecked.map((sentence) => `      not checked: ${printableLine(sentence)}\n`),
  ];
  return `  ${markOf(diagnosis)} ${check.title}\n${lines.join('')}`;
}

function markOf(diagnosis: Diagnosis): string {
  const result = resultOf(diagnosis);
  if (result === 'skipped') return '-';
  if (diagnosis.findings?.some(({ severity }) => severity === 'error') === true) return '✗';
  return result === 'failed' ? '!' : '✓';
}

function findingText({ severity, subject, message, why, fix }: Finding): string {
  const lines = [`${severity}: ${subject}: ${message}`, `  why: ${why}`, `  do:  ${fix}`];
  return lines.map((line) => `      ${printableLine(line)}\n`).join('');
}

function summary(diagnoses: readonly Diagnosis[]): string {
  const found = diagnoses.flatMap(({ findings }) => findings ?? []);
  const skipped = diagnoses.filter(({ findings }) => findings === undefined).length;
  const rest =
    skipped === 0
      ? ''
      : ` ${counted(skipped, 'check was', 'checks were')} skipped (-), because of what is missing above.`;
  const left = diagnoses.flatMap(({ unchecked }) => unchecked).length;
  const unsaid = left === 0 ? '' : ` ${counted(left, 'question', 'questions')} could not be answered, as shown above.`;
  if (found.length === 0) return `${counted(diagnoses.length, 'check', 'checks')}, nothing found.${rest}${unsaid}`;
  const errors = found.filter(({ severity }) => severity === 'error').length;
  return `${counted(errors, 'error', 'errors')}, ${counted(found.length - errors, 'warning', 'warnings')}.${rest}${unsaid}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
